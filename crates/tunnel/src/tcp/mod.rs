//! TCP flows: one bidirectional stream each.

pub mod accept;
mod carry;
pub mod dial;
mod receive;
mod send;
