//! Carry UDP: an association for each service and client address, datagrams whole or not at all.
//!
//! - `host`: take datagrams off the bindings, and return the replies to local clients.
//! - `target`: connect one socket for each association, and return what the service replies.
//! - `carrier`: move datagrams between the two sidecars.
//! - `datagram`: encode, split and reassemble datagrams. Pure.
//! - `socket`: read bursts of datagrams off an application's socket.
//! - `table`: bound the associations of one side in number and idle time. Pure.

pub mod carrier;
pub mod datagram;
pub mod host;
pub mod socket;
pub mod table;
pub mod target;
