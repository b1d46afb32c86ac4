//! Send and receive packets: everything below QUIC, and what the kernel reports about sockets.
//!
//! - `endpoint`: open the QUIC endpoint of a sidecar, and rebind it to another socket.
//! - `socket`: filter what comes in under QUIC, and send by UDP or by the relay.
//! - `path`: share between the sockets of one endpoint who is let in, the probes and the relay.
//! - `relay`: send and receive QUIC packets by the path of last resort.
//! - `batch`: join the batches that quinn cuts short. Pure.
//! - `gate`: decide which packets may reach QUIC. Pure.
//! - `probe`: encode and check the packets that ask whether UDP gets through. Pure.
//! - `pulse`: wrap a congestion controller, so that heartbeats pass and acknowledgements are noted.
//! - `addresses`: convert and check addresses. Pure.
//! - `diag`: look up one socket of this machine.

pub mod addresses;
mod batch;
pub mod diag;
pub mod endpoint;
pub mod gate;
pub mod path;
pub mod probe;
pub mod pulse;
mod relay;
mod socket;
