//! Run one QUIC connection: introduction, path, end.
//!
//! - `session`: hold what `start` made: the port, the certificate, on the target the wait for the host.
//! - `host`: find the address that answers, connect, and introduce this side.
//! - `target`: wait on one UDP port for the announced host.
//! - `control_stream`: introduce the sides on the first stream, and then carry grants and associations.
//! - `link`: run a connection that is introduced to its end.
//! - `watch`: keep a connection alive and on the best path, and report when it is silent.
//! - `route`: decide over what the host sends: UDP, or the path of last resort. Pure.
//! - `life`: measure how long what was sent has waited for an acknowledgement. Pure.
//! - `transport`: choose the settings of a connection.
//! - `tls`: make certificates and the settings of TLS 1.3.
//! - `pin`: accept exactly one certificate.

pub mod control_stream;
pub mod host;
pub mod life;
pub mod link;
mod pin;
pub mod route;
pub mod session;
pub mod target;
pub mod tls;
pub mod transport;
mod watch;
