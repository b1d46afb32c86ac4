//! Preambles and messages. See `properties.rs`.
#![no_main]

#[allow(dead_code)] // each target runs one
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::archives(bytes));
