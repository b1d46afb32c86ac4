//! Moves the bytes of port-linker over QUIC. Knows nothing of Python and, but for the border,
//! nothing of JSON.
//!
//! Pure: `batch` `wire` `datagram` `credits` `gate` `probe` `life` `route` `services` `outbox` `udp::table`.
//! I/O: `socket` (under QUIC) `path` `relay` `endpoint` `tls` `host` `target` `run` `live` `link`
//! `flow` `tcp` `udp` `diag` `owner` `peer` `door`. Border: `control` `fdpass` `report` `bindings` `commands` `started` `sidecar`.

mod batch;
mod bindings;
mod commands;
pub mod control;
pub mod control_stream;
pub mod credits;
pub mod datagram;
mod diag;
mod door;
pub mod endpoint;
pub mod error;
pub mod event;
mod event_lines;
pub mod fdpass;
pub mod flow;
pub mod gate;
pub mod host;
pub mod life;
pub mod link;
mod live;
mod lock;
mod outbox;
mod owner;
pub mod path;
mod peer;
mod pin;
pub mod probe;
mod pulse;
mod relay;
mod report;
pub mod route;
mod run;
pub mod services;
pub mod sidecar;
mod socket;
mod started;
pub mod stats;
pub mod target;
pub mod tcp;
pub mod tls;
pub mod transport;
pub mod udp;
pub mod wire;
