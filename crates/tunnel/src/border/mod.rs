//! Cross the process border: commands in, reports out, descriptors.
//!
//! - `sidecar`: serve the control socket of the process.
//! - `fdpass`: read lines and descriptors off a Unix socket.
//! - `control`: parse the commands of Python. Pure.
//! - `executor`: carry out the commands.
//! - `bindings`: keep the bindings that Python handed over, each with the task that takes from it.
//! - `reports`: report to Python: events, answers and counters.

mod bindings;
pub mod control;
mod executor;
pub mod fdpass;
mod reports;
pub mod sidecar;
