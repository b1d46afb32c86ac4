//! Whose process a local peer is, for `--own-user-only`.
//!
//! The same question as Python's `ports/os/peer.py` asks. Whoever cannot be found is not ours: a
//! connection whose program has closed it already belongs to nobody.

use std::io;
use std::net::SocketAddr;

use rustix::process::geteuid;

use crate::diag::{Proto, find};

/// Whether the socket at `peer` that talks to ours at `local` is of our own user. The kernel
/// answers at once: nothing waits.
pub fn is_own(proto: Proto, local: io::Result<SocketAddr>, peer: SocketAddr) -> bool {
    local.is_ok_and(|local| find_own(proto, local, peer).is_some())
}

/// The cookie of the socket at `peer` if it is of our own user.
pub fn find_own(proto: Proto, local: SocketAddr, peer: SocketAddr) -> Option<u64> {
    let found = find(proto, peer, Some(local)).ok()??;
    let is_ours = found.inode != 0 && found.uid == geteuid().as_raw();
    is_ours.then_some(found.cookie)
}

/// Bytes that the other end's kernel has not acknowledged of what was written to our connection,
/// as SIOCOUTQ counts them; None if there is no such connection any more.
pub fn read_unacked(local: SocketAddr, peer: SocketAddr) -> Option<u32> {
    let found = find(Proto::Tcp, local, Some(peer)).ok()??;
    (found.inode != 0).then_some(found.unacked)
}

#[cfg(test)]
#[path = "peer_tests.rs"]
mod tests;
