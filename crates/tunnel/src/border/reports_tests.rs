use super::*;
use crate::border::control::VERSION;

/// The events of the sample file.
fn samples() -> Vec<serde_json::Value> {
    include_str!("../../tests/control_samples.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|sample| sample.get("event").is_some())
        .collect()
}

fn reports() -> Vec<Report> {
    let address: SocketAddr = "192.0.2.7:60001".parse().unwrap();
    let service = ServiceReport {
        up_bytes: 10,
        down_bytes: 20,
        flows_open: 1,
        flows_total: 2,
        refused: 0,
    };
    let connection = ConnectionReport {
        address: "192.0.2.7:60001".into(),
        rtt_ms: 60.5,
        cwnd_bytes: 120_000,
        mtu: 1452,
        sent_packets: 100,
        lost_packets: 1,
        sent_bytes: 140_000,
        received_bytes: 9_000,
        congestion_events: 0,
        black_holes: 0,
    };
    vec![
        Report::Ready {
            v: VERSION,
            version: "0.1.0",
            pid: 4711,
        },
        Report::Listening {
            port: 60_001,
            fingerprint: "ab".repeat(32),
        },
        Report::Connected { address },
        Report::Adopted { binding: 1 },
        Report::Released { binding: 1 },
        Report::Quiet,
        Report::Heard,
        Report::PathChanged {
            via: "relay",
            address,
        },
        Report::Closed {
            reason: "idle-timeout",
            detail: "timed out".into(),
        },
        Report::Stats(Box::new(StatsReport {
            services: BTreeMap::from([("tcp/127.0.0.1:5432".to_owned(), service)]),
            connection: Some(connection),
            refused_sends: 0,
            acked_packets: 60,
        })),
        Report::Log {
            level: "warning",
            message: "handshake: not finished within 5 s".into(),
        },
        Report::Error {
            code: "unreachable",
            detail: "no answer".into(),
            cmd: Some("peer"),
        },
    ]
}

/// The numbers of the questions that the answers of the sample file carry.
fn number(report: &Report) -> Option<u64> {
    match report {
        Report::Released { .. } => Some(7),
        Report::Error { .. } => Some(8),
        _ => None,
    }
}

/// The events of the sample file are exactly what we write, key by key and in that order of kinds.
#[test]
fn every_event_is_in_the_samples() {
    let written: Vec<serde_json::Value> = reports()
        .iter()
        .map(|r| serde_json::from_slice(&encode_reply(r, number(r))).unwrap())
        .collect();
    assert_eq!(written, samples());
}
