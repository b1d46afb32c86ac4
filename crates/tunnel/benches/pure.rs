//! What is paid per packet, per flow and per grant.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use port_linker_tunnel::flow::tcp::credits::{Pool, RecvCredit};
use port_linker_tunnel::flow::udp::datagram::{Packet, Reassembly, parse_packet, split};
use port_linker_tunnel::flow::wire::Preamble;
use port_linker_tunnel::net::gate::{Gate, OWN_ID_BYTES};
use port_linker_tunnel::net::probe::Prober;

fn gate(criterion: &mut Criterion) {
    let gate = Gate::default();
    (0..64u64).for_each(|n| gate.issue(n.to_le_bytes()));
    let known = [&[0x40][..], &63u64.to_le_bytes(), &[0; 1200]].concat();
    let garbage = [&[0x40][..], &[0xee; OWN_ID_BYTES], &[0; 1200]].concat();
    criterion.bench_function("gate, known id", |b| {
        b.iter(|| gate.is_open_for(black_box(&known)))
    });
    criterion.bench_function("gate, garbage", |b| {
        b.iter(|| gate.is_open_for(black_box(&garbage)))
    });

    let mut prober = Prober::new(&[1; 32]);
    let stranger = Prober::new(&[2; 32]).ask().0; // right but for its tag, so that it is looked at
    criterion.bench_function("probe, another secret", |b| {
        b.iter(|| prober.read(black_box(&stranger)))
    });
}

fn flow(criterion: &mut Criterion) {
    let preamble = Preamble::Flow {
        service: "tcp/127.0.0.1:5432".to_owned(),
    };
    let encoded = preamble.encode().unwrap_or_default();
    criterion.bench_function("preamble, encode", |b| {
        b.iter(|| black_box(&preamble).encode())
    });
    criterion.bench_function("preamble, parse", |b| {
        b.iter(|| Preamble::parse(black_box(&encoded[2..])))
    });

    let (mut pool, now) = (Pool::default(), Instant::now());
    let mut flow = RecvCredit::new(&mut pool, now);
    criterion.bench_function("credit, one read", |b| {
        b.iter(|| flow.read(black_box(1400), now, Duration::from_millis(1), &mut pool));
    });
}

fn datagram(criterion: &mut Criterion) {
    let payload = vec![7; 1200];
    criterion.bench_function("datagram of 1 packet, split and parse", |b| {
        b.iter(|| {
            split(black_box(&payload), 1, 1, 1400)
                .map(|parts| parts.into_iter().map(parse_packet).count())
        });
    });

    let payload = vec![7; 4000];
    let (mut reassembly, now) = (Reassembly::default(), Instant::now());
    criterion.bench_function("datagram of 3 packets, split, parse and reassemble", |b| {
        b.iter(|| {
            let parts = split(black_box(&payload), 1, 1, 1400).unwrap_or_default();
            parts
                .into_iter()
                .find_map(|part| take(&mut reassembly, part, now))
        });
    });
}

fn take(reassembly: &mut Reassembly, packet: Bytes, now: Instant) -> Option<Bytes> {
    match parse_packet(packet)? {
        Packet::Heartbeat => None,
        Packet::Part {
            number,
            index,
            count,
            payload,
            ..
        } => reassembly.take(number, index, count, payload, now),
    }
}

criterion_group!(benches, gate, flow, datagram);
criterion_main!(benches);
