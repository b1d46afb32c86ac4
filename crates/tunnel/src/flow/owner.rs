//! Check whose socket it is: a service's before it is dialled, a client's for `--own-user-only`.
//!
//! The table is as old as the agent's scan. In between a service may have ended and another user may
//! have taken its port. The client's passwords must not reach that user. Where the kernel does not
//! report who listens, the table counts. Python's half is `agent/owner.py`.
//!
//! A client is checked as Python's `ports/os/peer.py` does. One that cannot be found is not ours: a
//! connection whose program has closed it already belongs to nobody.

use std::collections::HashSet;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Mutex, OnceLock};

use rustix::process::geteuid;

use crate::error::FlowEnd;
use crate::event::{Event, EventsTx};
use crate::lock::lock;
use crate::net::diag::{Found, Proto, find};

/// Services and owners whose change was reported.
const MAX_REPORTED: usize = 256;

/// Checks who listens. Root, our own user and the owner in the table may be dialled.
pub struct OwnerCheck {
    events: EventsTx,
    tcp_works: OnceLock<bool>,
    udp_works: OnceLock<bool>,
    reported: Mutex<HashSet<(String, u32)>>,
}

impl OwnerCheck {
    /// Check, and report changes as events.
    pub fn new(events: EventsTx) -> Self {
        Self {
            events,
            tcp_works: OnceLock::new(),
            udp_works: OnceLock::new(),
            reported: Mutex::default(),
        }
    }

    /// Return whether a service may be dialled at `near`. `far` is our own end, for UDP: sockets that
    /// share a port take datagrams by it. Without an owner anybody may listen: a service of the agent's.
    pub fn judge(
        &self,
        proto: Proto,
        service: &str,
        owner: Option<u32>,
        near: SocketAddr,
        far: Option<SocketAddr>,
    ) -> Result<(), FlowEnd> {
        let Some(owner) = owner else {
            return Ok(());
        };
        match find(proto, near, far) {
            Err(_) => Ok(()),
            Ok(None) if self.finds(proto) => Err(FlowEnd::Refused),
            Ok(None) => Ok(()),
            Ok(Some(Found { uid, .. })) => {
                let known = proto_cell(self, proto);
                let _ = known.set(true);
                if uid == owner || uid == 0 || uid == geteuid().as_raw() {
                    return Ok(());
                }
                self.report(service, owner, uid);
                Err(FlowEnd::OtherOwner)
            }
        }
    }

    /// Return whether "no such socket" is true: the kernel must find one that is there. Without the
    /// module for a protocol it finds none.
    fn finds(&self, proto: Proto) -> bool {
        *proto_cell(self, proto).get_or_init(|| find_own_socket(proto).unwrap_or(false))
    }

    fn report(&self, service: &str, owner: u32, uid: u32) {
        let mut reported = lock(&self.reported);
        if reported.len() >= MAX_REPORTED {
            reported.clear();
        }
        if reported.insert((service.to_owned(), uid)) {
            let text = format!(
                "{service} was not dialled: its port was uid {owner}'s and is now uid {uid}'s"
            );
            let _ = self.events.send(Event::Note(text));
        }
    }
}

/// Return whether the socket at `peer` that talks to ours at `local` belongs to our own user. The
/// kernel answers at once: nothing waits.
pub fn is_own(proto: Proto, local: io::Result<SocketAddr>, peer: SocketAddr) -> bool {
    local.is_ok_and(|local| find_own(proto, local, peer).is_some())
}

/// Return the cookie of the socket at `peer` if it belongs to our own user.
pub fn find_own(proto: Proto, local: SocketAddr, peer: SocketAddr) -> Option<u64> {
    let found = find(proto, peer, Some(local)).ok()??;
    let is_ours = found.inode != 0 && found.uid == geteuid().as_raw();
    is_ours.then_some(found.cookie)
}

fn proto_cell(check: &OwnerCheck, proto: Proto) -> &OnceLock<bool> {
    match proto {
        Proto::Tcp => &check.tcp_works,
        Proto::Udp => &check.udp_works,
    }
}

fn find_own_socket(proto: Proto) -> io::Result<bool> {
    let here = "127.0.0.1:0";
    match proto {
        Proto::Tcp => {
            let socket = TcpListener::bind(here)?;
            Ok(find(proto, socket.local_addr()?, None)?.is_some())
        }
        Proto::Udp => {
            let socket = UdpSocket::bind(here)?;
            Ok(find(proto, socket.local_addr()?, None)?.is_some())
        }
    }
}

#[cfg(test)]
#[path = "owner_tests.rs"]
mod tests;
