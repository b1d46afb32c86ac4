//! Moves the bytes of port-linker over QUIC. Knows nothing of Python and, but for `border`,
//! nothing of JSON.

pub mod border;
pub mod conn;
pub mod error;
pub mod event;
pub mod flow;
mod lock;
pub mod net;
