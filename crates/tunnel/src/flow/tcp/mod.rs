//! TCP flows: one bidirectional stream each.

mod application;
mod buffers;
mod carry;
pub mod credits;
pub mod door;
pub mod flows;
pub mod host;
mod last;
mod receive;
mod send;
pub mod target;
