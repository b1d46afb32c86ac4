//! What holds for any bytes that a stranger or a broken peer sends. The fuzz targets run these with
//! cargo-fuzz, `tests/any_bytes.rs` with `cargo test` on stable.

use std::time::Instant;

use bytes::Bytes;
use port_linker_tunnel::border::control::parse_command;
use port_linker_tunnel::flow::udp::datagram::{
    MAX_PAYLOAD_BYTES, Packet, Reassembly, parse_packet,
};
use port_linker_tunnel::flow::wire::{Message, Preamble, parse_length};
use port_linker_tunnel::net::gate::{ANNOUNCED_ID_BYTES, Gate, OWN_ID_BYTES};
use port_linker_tunnel::net::probe::Prober;

/// Any bytes are a preamble or a message, or are refused; what parses survives a round trip.
pub fn archives(bytes: &[u8]) {
    if let Ok(message) = Message::parse(bytes)
        && let Ok(encoded) = message.encode()
    {
        assert_eq!(Message::parse(framed(&encoded)), Ok(message));
    }
    if let Ok(preamble) = Preamble::parse(bytes)
        && let Ok(encoded) = preamble.encode()
    {
        assert_eq!(Preamble::parse(framed(&encoded)), Ok(preamble));
    }
}

/// The archive behind its length, which must be right.
fn framed(encoded: &[u8]) -> &[u8] {
    let (length, archive) = encoded.split_at(2);
    assert_eq!(parse_length([length[0], length[1]]), Ok(archive.len()));
    archive
}

/// Any row of QUIC datagrams is reassembled within its bounds, or is nothing.
pub fn datagrams(packets: Vec<Vec<u8>>) {
    let mut reassembly = Reassembly::default();
    let now = Instant::now();
    let mut received = 0;
    for packet in packets {
        received += packet.len();
        if let Some(Packet::Part {
            number,
            index,
            count,
            payload,
            ..
        }) = parse_packet(Bytes::from(packet))
            && let Some(whole) = reassembly.take(number, index, count, payload, now)
        {
            assert!(whole.len() <= MAX_PAYLOAD_BYTES.min(received));
        }
    }
}

/// Any UDP payload passes the gate only by an id that it accepts, and is not a probe without the key.
pub fn packets(bytes: &[u8]) {
    assert!(!Gate::default().is_open_for(bytes));
    let (gate, own, announced) = (Gate::default(), [7; OWN_ID_BYTES], [9; ANNOUNCED_ID_BYTES]);
    gate.issue(own);
    gate.announce(announced);
    let contains = |id: &[u8]| bytes.windows(id.len()).any(|part| part == id);
    assert!(!gate.is_open_for(bytes) || contains(&own) || contains(&announced));
    assert_eq!(Prober::new(&[1; 32]).read(bytes), None);
}

/// Any line is a command, or is refused.
pub fn commands(line: &[u8]) {
    let _ = parse_command(line);
}
