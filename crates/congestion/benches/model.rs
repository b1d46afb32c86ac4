//! What is paid per acknowledgement.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use port_linker_congestion::{Model, ModelConfig};

const PACKET_BYTES: u64 = 1452;
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// One message acknowledges ten packets, 1 ms after the message before; then quinn asks for the
/// window, from which it paces.
fn acknowledged(criterion: &mut Criterion) {
    let begin = Instant::now();
    let mut model = Model::new(ModelConfig::default(), begin, PACKET_BYTES);
    let mut now = begin + ROUND_TRIP;
    criterion.bench_function("10 packets acknowledged", |b| {
        b.iter(|| {
            now += Duration::from_millis(1);
            for _ in 0..10 {
                model.on_ack(now, now - ROUND_TRIP, black_box(PACKET_BYTES));
            }
            model.on_end_acks(now, 200 * PACKET_BYTES, false);
            black_box(model.window())
        });
    });
}

/// The same on a path that loses one packet in a hundred.
fn lost(criterion: &mut Criterion) {
    let begin = Instant::now();
    let mut model = Model::new(ModelConfig::default(), begin, PACKET_BYTES);
    let (mut now, mut acks) = (begin + ROUND_TRIP, 0);
    criterion.bench_function("10 packets acknowledged, 1 % lost", |b| {
        b.iter(|| {
            now += Duration::from_millis(1);
            acks += 1;
            for _ in 0..10 {
                model.on_ack(now, now - ROUND_TRIP, black_box(PACKET_BYTES));
            }
            if acks % 10 == 0 {
                model.on_loss(now, now - ROUND_TRIP, false, PACKET_BYTES);
            }
            model.on_end_acks(now, 200 * PACKET_BYTES, false);
            black_box(model.window())
        });
    });
}

criterion_group!(benches, acknowledged, lost);
criterion_main!(benches);
