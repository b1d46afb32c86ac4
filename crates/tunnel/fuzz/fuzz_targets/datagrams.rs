//! Rows of QUIC datagrams. See `properties.rs`.
#![no_main]

#[allow(dead_code)] // each target runs one
mod properties;

libfuzzer_sys::fuzz_target!(|packets: Vec<Vec<u8>>| properties::datagrams(packets));
