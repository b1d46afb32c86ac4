//! Look up one socket of this machine: its owner, its cookie, its unacknowledged bytes.
//!
//! By sock_diag(7), Linux, which answers at once. Python's half is `scan/lookup.py`.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::net::netlink::SOCK_DIAG;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

const SOCK_DIAG_BY_FAMILY: u16 = 20; // include/uapi/linux/sock_diag.h
const NLMSG_ERROR: u16 = 2;
const ENOENT: i32 = 2;
const REQUEST: u16 = 1; // NLM_F_REQUEST
const HEADER_BYTES: usize = 16; // struct nlmsghdr
const REQUEST_BYTES: u32 = 72; // with struct inet_diag_req_v2
const COOKIE_AT: usize = HEADER_BYTES + 44; // in struct inet_diag_msg
const UNACKED_AT: usize = HEADER_BYTES + 60; // idiag_wqueue
const UID_AT: usize = HEADER_BYTES + 64; // the inode follows
const LOOPBACK: u32 = 1; // the interface by which a machine reaches itself

/// The protocol of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proto {
    /// A connection.
    Tcp,
    /// Datagrams.
    Udp,
}

/// A socket of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its owner.
    pub uid: u32,
    /// 0 if no process holds it any more; the uid is then 0 for anybody.
    pub inode: u32,
    /// No other socket has it.
    pub cookie: u64,
    /// Bytes that the other end has not acknowledged yet, of a connection.
    pub unacked: u32,
}

thread_local! {
    /// Kept open: half of what a question costs.
    static NETLINK: RefCell<Option<OwnedFd>> = const { RefCell::new(None) };
}

/// Return the socket at `near` that takes what `far` sends, or what anybody sends with `None`; None if
/// there is none. Fails if the kernel does not answer.
pub fn find(proto: Proto, near: SocketAddr, far: Option<SocketAddr>) -> io::Result<Option<Found>> {
    let far = far.unwrap_or_else(|| match near {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    });
    let scope = match near {
        SocketAddr::V6(near) if near.scope_id() != 0 => near.scope_id(),
        _ => LOOPBACK,
    };
    let request = match proto {
        Proto::Tcp => encode(6, near, far, scope),
        // The kernel looks a UDP socket up as a packet to it would: reversed.
        Proto::Udp => encode(17, far, near, scope),
    };
    NETLINK.with_borrow_mut(|kept| {
        let netlink = match kept.take() {
            Some(netlink) => netlink,
            None => open()?,
        };
        send(&netlink, &request, SendFlags::empty())?; // the reply is there when it returns
        let mut reply = [0; 1024];
        let (_, len) = recv(&netlink, &mut reply[..], RecvFlags::empty())?;
        let found = parse(reply.get(..len).unwrap_or_default(), near.port())?;
        *kept = Some(netlink); // not after an error: an answer may still come
        Ok(found)
    })
}

/// Return the bytes that the other end's kernel has not acknowledged of what was written to our
/// connection, as SIOCOUTQ counts them; None if there is no such connection any more.
pub fn read_unacked(local: SocketAddr, peer: SocketAddr) -> Option<u32> {
    let found = find(Proto::Tcp, local, Some(peer)).ok()??;
    (found.inode != 0).then_some(found.unacked)
}

fn open() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let raw = SocketType::RAW;
    Ok(socket_with(
        AddressFamily::NETLINK,
        raw,
        flags,
        Some(SOCK_DIAG),
    )?)
}

/// Encode the request for the one socket of that name.
fn encode(protocol: u8, source: SocketAddr, destination: SocketAddr, interface: u32) -> Vec<u8> {
    let family = match source.ip().to_canonical() {
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
    out.extend(source.port().to_be_bytes());
    out.extend(destination.port().to_be_bytes());
    out.extend(pack(source.ip()));
    out.extend(pack(destination.ip()));
    out.extend(interface.to_ne_bytes());
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

/// Return the socket of the kernel's reply; None if there is no such socket. Fails if the reply is a
/// refusal or about another port.
fn parse(reply: &[u8], port: u16) -> io::Result<Option<Found>> {
    let word = |at: usize| Some(u32::from_ne_bytes(reply.get(at..at + 4)?.try_into().ok()?));
    let socket = || {
        let found = reply.get(HEADER_BYTES + 4..HEADER_BYTES + 6)?;
        let cookie = reply.get(COOKIE_AT..COOKIE_AT + 8)?.try_into().ok()?;
        (found == port.to_be_bytes()).then_some(Found {
            uid: word(UID_AT)?,
            inode: word(UID_AT + 4)?,
            cookie: u64::from_ne_bytes(cookie),
            unacked: word(UNACKED_AT)?,
        })
    };
    let kind = reply
        .get(4..6)
        .map(|kind| u16::from_ne_bytes([kind[0], kind[1]]));
    let odd = io::Error::from(io::ErrorKind::InvalidData);
    match kind {
        Some(SOCK_DIAG_BY_FAMILY) => socket().map(Some).ok_or(odd),
        Some(NLMSG_ERROR) => match word(HEADER_BYTES).map(|status| -(status as i32)) {
            Some(ENOENT) => Ok(None),
            Some(code) if code > 0 => Err(io::Error::from_raw_os_error(code)),
            _ => Err(odd),
        },
        _ => Err(odd),
    }
}

#[cfg(test)]
#[path = "diag_tests.rs"]
mod tests;
