//! Send and receive packets: everything below QUIC.

mod batch;
pub mod diag;
pub mod endpoint;
pub mod gate;
pub mod path;
pub mod probe;
pub mod pulse;
mod relay;
mod socket;
