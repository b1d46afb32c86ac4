//! Carry flows: TCP connections and UDP associations.

pub mod outbox;
pub mod owner;
mod peer;
pub mod services;
pub mod stats;
pub mod tcp;
pub mod udp;
pub mod wire;
