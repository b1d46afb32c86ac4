//! Lines on the control socket. See `properties.rs`.
#![no_main]

#[allow(dead_code)] // each target runs one
mod properties;

libfuzzer_sys::fuzz_target!(|line: &[u8]| properties::commands(line));
