//! Judges who listens before a service is dialled.
//!
//! The table is as old as the agent's scan. In between a service may have ended and another user may
//! have taken its port; the client's passwords must not reach that user. Where the kernel does not
//! say who listens, the table counts. As Python's `agent/owner.py`.

use std::collections::HashSet;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Mutex, OnceLock};

use rustix::process::geteuid;

use crate::error::FlowEnd;
use crate::event::{Event, EventsTx};
use crate::lock::lock;
use crate::net::diag::{Found, Proto, find};

/// Services and owners whose change was told.
const MAX_TOLD: usize = 256;

/// Asks who listens. Root, our own user and the owner in the table may be dialled.
pub struct OwnerCheck {
    events: EventsTx,
    tcp_works: OnceLock<bool>,
    udp_works: OnceLock<bool>,
    told: Mutex<HashSet<(String, u32)>>,
}

impl OwnerCheck {
    /// Changes are told as events.
    pub fn new(events: EventsTx) -> Self {
        Self {
            events,
            tcp_works: OnceLock::new(),
            udp_works: OnceLock::new(),
            told: Mutex::default(),
        }
    }

    /// Whether a service may be dialled at `near`. `far` is our own end, for UDP: sockets that share
    /// a port take datagrams by it. Without an owner anybody may listen: a service of the agent's.
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
                self.tell(service, owner, uid);
                Err(FlowEnd::OtherOwner)
            }
        }
    }

    /// Whether "no such socket" can be believed: the kernel must find one that is there. Without
    /// the module for a protocol it finds none.
    fn finds(&self, proto: Proto) -> bool {
        *proto_cell(self, proto).get_or_init(|| find_own_socket(proto).unwrap_or(false))
    }

    fn tell(&self, service: &str, owner: u32, uid: u32) {
        let mut told = lock(&self.told);
        if told.len() >= MAX_TOLD {
            told.clear();
        }
        if told.insert((service.to_owned(), uid)) {
            let text = format!(
                "{service} was not dialled: its port was uid {owner}'s and is now uid {uid}'s"
            );
            let _ = self.events.send(Event::Note(text));
        }
    }
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
