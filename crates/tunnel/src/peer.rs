//! Whose process a local peer is, for `--own-user-only`: the kernel is asked by sock_diag(7). Linux.
//!
//! The same question as Python's `binding/peer.py` asks. Whoever cannot be found is not ours: a
//! connection whose program has closed it already belongs to nobody.

use std::io;
use std::net::{IpAddr, SocketAddr};

use rustix::net::netlink::SOCK_DIAG;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};
use rustix::process::geteuid;

const SOCK_DIAG_BY_FAMILY: u16 = 20; // include/uapi/linux/sock_diag.h
const REQUEST: u16 = 1; // NLM_F_REQUEST
const HEADER_BYTES: usize = 16; // struct nlmsghdr
const REQUEST_BYTES: u32 = 72; // with struct inet_diag_req_v2
const UID_AT: usize = HEADER_BYTES + 64; // in struct inet_diag_msg; the inode follows

/// What the two talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proto {
    /// A connection.
    Tcp,
    /// Datagrams.
    Udp,
}

/// Whether the socket at `peer` that talks to ours at `local` is of our own user. The kernel
/// answers at once: nothing waits.
pub fn is_own(proto: Proto, local: io::Result<SocketAddr>, peer: SocketAddr) -> bool {
    local.is_ok_and(|local| read_uid(proto, local, peer) == Some(geteuid().as_raw()))
}

/// The uid of the socket at `peer`; None if there is none, or the kernel does not say.
fn read_uid(proto: Proto, local: SocketAddr, peer: SocketAddr) -> Option<u32> {
    let request = match proto {
        Proto::Tcp => encode(6, peer, local),
        // The kernel looks a UDP socket up as a packet to it would: reversed.
        Proto::Udp => encode(17, local, peer),
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let family = AddressFamily::NETLINK;
    let netlink = socket_with(family, SocketType::RAW, flags, Some(SOCK_DIAG)).ok()?;
    send(&netlink, &request, SendFlags::empty()).ok()?; // the reply is there when it returns
    let mut reply = [0; 4096];
    let (_, len) = recv(&netlink, &mut reply[..], RecvFlags::empty()).ok()?;
    parse(reply.get(..len)?, peer.port())
}

/// The request for the one socket from `near` to `far`.
fn encode(protocol: u8, near: SocketAddr, far: SocketAddr) -> Vec<u8> {
    let family = match near.ip().to_canonical() {
        IpAddr::V4(_) => AddressFamily::INET,
        IpAddr::V6(_) => AddressFamily::INET6,
    };
    let mut out = Vec::with_capacity(REQUEST_BYTES as usize);
    out.extend(REQUEST_BYTES.to_ne_bytes());
    out.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    out.extend(REQUEST.to_ne_bytes());
    out.extend([0; 8]); // sequence, port id
    out.extend([family.as_raw() as u8, protocol, 0, 0]);
    out.extend(u32::MAX.to_ne_bytes()); // in any state
    out.extend(near.port().to_be_bytes());
    out.extend(far.port().to_be_bytes());
    out.extend(pack(near.ip()));
    out.extend(pack(far.ip()));
    out.extend([0; 4]); // on any interface
    out.extend([0xff; 8]); // INET_DIAG_NOCOOKIE
    out
}

fn pack(ip: IpAddr) -> [u8; 16] {
    let mut out = [0; 16];
    match ip.to_canonical() {
        IpAddr::V4(ip) => out[..4].copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => out = ip.octets(),
    }
    out
}

/// The uid in the kernel's reply; None if it names no socket at this port.
fn parse(reply: &[u8], port: u16) -> Option<u32> {
    let word = |at: usize| Some(u32::from_ne_bytes(reply.get(at..at + 4)?.try_into().ok()?));
    let kind = u16::from_ne_bytes(reply.get(4..6)?.try_into().ok()?);
    let found = u16::from_be_bytes(
        reply
            .get(HEADER_BYTES + 4..HEADER_BYTES + 6)?
            .try_into()
            .ok()?,
    );
    let (uid, inode) = (word(UID_AT)?, word(UID_AT + 4)?);
    // Without an inode it is closed, and the uid is 0 for anybody.
    (kind == SOCK_DIAG_BY_FAMILY && found == port && inode != 0).then_some(uid)
}

#[cfg(test)]
#[path = "peer_tests.rs"]
mod tests;
