//! Notify the owner of a connection of what happened.

use std::net::SocketAddr;

use tokio::sync::mpsc;

use crate::error::CloseReason;

/// What carries the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Our own UDP socket.
    Udp,
    /// The stdio link, by way of Python.
    Relay,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Target: the host is in, and introduced.
    Connected {
        /// Where it came from.
        address: SocketAddr,
    },
    /// What was sent lately was not acknowledged.
    Quiet,
    /// The peer acknowledges again.
    Heard,
    /// Packets are sent another way now.
    PathChanged {
        /// What carries them.
        via: Via,
        /// Target: where the host is now. Host: the target's address.
        address: SocketAddr,
    },
    /// The connection has ended; so have its flows.
    Closed {
        /// Why.
        reason: CloseReason,
        /// For a log.
        detail: String,
    },
    /// For a log.
    Note(String),
}

/// Where events go. Unbounded: a few a second at most, from our own code only.
pub type EventsTx = mpsc::UnboundedSender<Event>;
