//! Any row of QUIC datagrams is reassembled within its bounds, or is nothing.
#![no_main]

use std::time::Instant;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use port_linker_tunnel::datagram::{MAX_PAYLOAD_BYTES, Packet, Reassembly, parse_packet};

fuzz_target!(|packets: Vec<Vec<u8>>| {
    let mut reassembly = Reassembly::default();
    for packet in packets {
        let parsed = parse_packet(Bytes::from(packet));
        if let Some(Packet::Part { number, index, count, payload, .. }) = parsed
            && let Some(whole) = reassembly.take(number, index, count, payload, Instant::now())
        {
            assert!(whole.len() <= MAX_PAYLOAD_BYTES);
        }
    }
});
