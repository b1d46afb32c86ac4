//! Run one QUIC connection: introduction, path, end.

pub mod control_stream;
pub mod host;
pub mod life;
pub mod link;
mod pin;
pub mod route;
mod run;
pub mod session;
pub mod target;
pub mod tls;
pub mod transport;
mod watch;
