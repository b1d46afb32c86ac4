//! Move the bytes of port-linker over QUIC. Only `border` knows Python and JSON.
//!
//! Imports point down:
//!
//! - `border/`: what crosses the process border: commands, reports, descriptors.
//! - `conn/`: one QUIC connection: introduction, path, end.
//! - `flow/`: what carries flows over it: TCP, UDP, credit, counters.
//! - `net/`: everything below QUIC: sockets, packets, addresses.
//! - `event` (what a connection reports to its owner), `error` (the codes that cross a border), `lock`
//!   (how shared state is locked).
//!
//! The docstring of each folder names its files.

pub mod border;
pub mod conn;
pub mod error;
pub mod event;
pub mod flow;
mod lock;
pub mod net;
