use super::*;
use proptest::prelude::*;

fn part(bytes: &Bytes) -> (u16, u8, u8, Bytes) {
    match parse_packet(bytes.clone()) {
        Some(Packet::Part {
            number,
            index,
            count,
            payload,
            ..
        }) => (number, index, count, payload),
        other => panic!("not a part: {other:?}"),
    }
}

#[test]
fn a_heartbeat_is_a_heartbeat() {
    assert_eq!(parse_packet(encode_heartbeat()), Some(Packet::Heartbeat));
}

#[test]
fn an_empty_datagram_is_one_packet() {
    let packets = split(&[], 5, 9, 1200).unwrap();
    assert_eq!(packets.len(), 1);
    let (number, index, count, payload) = part(&packets[0]);
    assert_eq!((number, index, count, payload.len()), (9, 0, 1, 0));
}

#[test]
fn beyond_four_parts_a_stream_is_needed() {
    assert_eq!(split(&[0; 4 * 100], 1, 1, 108).map(|p| p.len()), Some(4));
    assert_eq!(split(&[0; 4 * 100 + 1], 1, 1, 108), None);
}

#[test]
fn a_path_without_room_needs_a_stream() {
    assert_eq!(split(&[1], 1, 1, HEADER_BYTES), None);
    assert_eq!(split(&[1], 1, 1, 0), None);
}

#[test]
fn a_late_fragment_completes_nothing() {
    let packets = split(&[3; 300], 1, 1, 208).unwrap();
    let mut reassembly = Reassembly::default();
    let start = Instant::now();
    let (number, index, count, payload) = part(&packets[0]);
    assert_eq!(reassembly.take(number, index, count, payload, start), None);
    let (number, index, count, payload) = part(&packets[1]);
    assert_eq!(
        reassembly.take(number, index, count, payload, start + INCOMPLETE_LIFE),
        None
    );
}

#[test]
fn lost_fragments_hold_a_bounded_number_of_datagrams() {
    let mut reassembly = Reassembly::default();
    let now = Instant::now();
    for number in 0..1000 {
        assert_eq!(
            reassembly.take(number, 0, 2, Bytes::from_static(b"x"), now),
            None
        );
    }
    assert_eq!(reassembly.incomplete.len(), MAX_INCOMPLETE);
}

proptest! {
    #[test]
    fn any_size_arrives_whole_in_any_order(
        size in 0usize..4700, room in 100usize..1500, seed in any::<u64>(), number in any::<u16>()
    ) {
        let payload: Vec<u8> = (0..size).map(|i| (i as u64 ^ seed) as u8).collect();
        let Some(mut packets) = split(&payload, 7, number, room) else {
            prop_assert!(size > MAX_PARTS * (room - HEADER_BYTES));
            return Ok(());
        };
        prop_assert!(packets.iter().all(|packet| packet.len() <= room));
        let turn = (seed as usize) % packets.len();
        packets.rotate_left(turn);
        let mut reassembly = Reassembly::default();
        let mut arrived = None;
        for packet in &packets {
            let (number, index, count, bytes) = part(packet);
            arrived = reassembly.take(number, index, count, bytes, Instant::now());
        }
        prop_assert_eq!(arrived.unwrap(), Bytes::from(payload));
    }

    #[test]
    fn any_bytes_are_a_packet_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let mut reassembly = Reassembly::default();
        if let Some(Packet::Part { number, index, count, payload, .. }) = parse_packet(bytes.into()) {
            reassembly.take(number, index, count, payload, Instant::now());
        }
    }
}
