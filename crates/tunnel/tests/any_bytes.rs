//! The properties of the fuzz targets on stable: any bytes, and bytes that are nearly right.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../fuzz/fuzz_targets/properties.rs"]
mod properties;

use port_linker_tunnel::flow::udp::datagram::{encode_heartbeat, split};
use port_linker_tunnel::flow::wire::{Message, Preamble};
use port_linker_tunnel::net::probe::Prober;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

fn any_bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..most)
}

/// Something right with some of its bytes changed, and perhaps cut short.
fn nearly(right: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<Index>(), any::<u8>()), 0..4);
    (right, changes, any::<Index>(), any::<bool>()).prop_map(|(mut bytes, changes, end, is_cut)| {
        if bytes.is_empty() {
            return bytes;
        }
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(end.index(bytes.len()));
        }
        bytes
    })
}

fn archive() -> impl Strategy<Value = Vec<u8>> {
    let service = "(tcp|udp)/[0-9.:\\[\\]]{0,100}:[0-9]{1,5}";
    let message = prop_oneof![
        any::<[u8; 32]>().prop_map(|secret| Message::Hello { secret }),
        Just(Message::Welcome),
        any::<(u64, u64)>().prop_map(|(flow, limit)| Message::Grant { flow, limit }),
        any::<(u64, u64)>().prop_map(|(flow, limit)| Message::GiveBack { flow, limit }),
        (any::<u32>(), service).prop_map(|(id, service)| Message::OpenAssociation { id, service }),
        any::<u32>().prop_map(|id| Message::CloseAssociation { id }),
        any::<(u64, Option<u64>)>().prop_map(|(flow, end)| Message::Gone { flow, end }),
    ];
    let preamble = prop_oneof![
        service.prop_map(|service| Preamble::Flow { service }),
        any::<u32>().prop_map(|id| Preamble::Datagram { id }),
    ];
    prop_oneof![
        message.prop_map(|message| message.encode().unwrap()),
        preamble.prop_map(|preamble| preamble.encode().unwrap()),
    ]
    .prop_map(|bytes| bytes[2..].to_vec())
}

/// The packets of some datagrams, in any order, some of them broken.
fn row() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let datagram = (any_bytes(2000), 0..3u16, 9usize..700);
    let packets = datagram.prop_map(|(payload, number, room)| {
        let parts = split(&payload, 1, number, room).unwrap_or(vec![encode_heartbeat()]);
        parts.iter().map(|part| part.to_vec()).collect::<Vec<_>>()
    });
    let all = vec(packets, 0..12).prop_map(|all| all.concat());
    let broken = all.prop_flat_map(|all| {
        all.into_iter()
            .map(|packet| nearly(Just(packet)))
            .collect::<Vec<_>>()
    });
    broken.prop_shuffle()
}

/// Headers of QUIC with ids that the gate accepts, and a probe.
fn packet() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just([&[0x40][..], &[7; 8], &[0; 40]].concat()),
        Just([&[0xc0, 0, 0, 0, 1, 16][..], &[9; 16], &[0; 40]].concat()),
        Just([&[0xc0, 0, 0, 0, 1, 8][..], &[7; 8], &[0; 40]].concat()),
        Just(Prober::new(&[2; 32]).ask().0.to_vec()),
    ]
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let samples = include_str!("control_samples.jsonl").lines();
    let samples: Vec<_> = samples.map(|line| line.as_bytes().to_vec()).collect();
    proptest::sample::select(samples)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn are_an_archive_or_refused(bytes in prop_oneof![any_bytes(600), nearly(archive())]) {
        properties::archives(&bytes);
    }

    #[test]
    fn are_packets_within_bounds_or_nothing(packets in prop_oneof![vec(any_bytes(64), 0..20), row()]) {
        properties::datagrams(packets);
    }

    #[test]
    fn pass_the_gate_only_with_its_ids(bytes in prop_oneof![any_bytes(100), nearly(packet())]) {
        properties::packets(&bytes);
    }

    #[test]
    fn are_a_command_or_refused(bytes in prop_oneof![any_bytes(100), nearly(line())]) {
        properties::commands(&bytes);
    }
}
