//! Carry TCP flows, one bidirectional stream each.
//!
//! - `host`: accept the connections of a binding, and open a stream for each.
//! - `target`: accept streams, and connect each to the service that it names.
//! - `door`: carry the stdio link to the agent's own socket, while ssh is gone.
//! - `carry`: carry one flow from its start to its end: both directions, half-close, reset.
//! - `send`: copy from the application's socket to the stream.
//! - `receive`: copy from the stream to the application's socket.
//! - `application`: track the two applications of a flow: ours by its socket, the peer's by its messages.
//! - `flows`: track the open flows of one connection: credit, counters, ends.
//! - `credits`: decide how much each flow's sender may have under way. Pure.
//! - `buffers`: bound what the kernel holds of an application's connection.

mod application;
mod buffers;
mod carry;
pub mod credits;
pub mod door;
pub mod flows;
pub mod host;
mod receive;
mod send;
pub mod target;
