//! Cross the process border: commands in, reports out, descriptors.

mod bindings;
pub mod control;
mod executor;
pub mod fdpass;
mod report;
mod reports;
pub mod sidecar;
