//! Carry flows: TCP connections and UDP associations, over a QUIC connection that is up.
//!
//! - `tcp/`: one bidirectional stream for each connection.
//! - `udp/`: datagrams of associations, whole or not at all.
//! - `streams`: read the archives that begin a stream, or follow each other on the control stream.
//! - `wire`: encode and parse what the two sidecars send to each other beside payload. Pure.
//! - `outbox`: queue the messages for the control stream.
//! - `services`: store what the target may dial, as the agent pushed it. Pure.
//! - `owner`: check whose socket it is, before a service is dialled and for `--own-user-only`.
//! - `stats`: count bytes and flows by service.

pub mod outbox;
pub mod owner;
pub mod services;
pub mod stats;
pub mod streams;
pub mod tcp;
pub mod udp;
pub mod wire;
