//! TCP flows: one bidirectional stream each.

pub mod accept;
mod buffers;
mod carry;
pub mod dial;
mod last;
mod local;
mod receive;
mod send;
