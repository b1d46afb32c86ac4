use std::collections::BTreeMap;

use super::*;
use proptest::prelude::*;

const SAMPLES: &str = include_str!("../../tests/control_samples.jsonl");

fn samples(kind: &str) -> Vec<serde_json::Value> {
    SAMPLES
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|sample| sample.get(kind).is_some())
        // An error event names the command that failed.
        .filter(|sample| kind == "event" || sample.get("event").is_none())
        .collect()
}

#[test]
fn every_command_of_the_samples_parses() {
    let mut seen = Vec::new();
    for sample in samples("cmd") {
        let command = parse_command(sample.to_string().as_bytes()).unwrap();
        assert_eq!(sample["cmd"], command.name());
        seen.push(command.name());
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), COMMANDS.len());
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
    assert_eq!(written, samples("event"));
}

#[test]
fn unknown_keys_are_skipped() {
    let line = br#"{"cmd":"release","binding":3,"later":{"a":[1]}}"#;
    assert_eq!(parse_command(line), Ok(Command::Release { binding: 3 }));
}

#[test]
fn a_question_has_a_number_or_none() {
    assert_eq!(parse_number(br#"{"cmd":"release","id":7}"#), Some(7));
    assert_eq!(parse_number(br#"{"cmd":7,"id":7}"#), Some(7));
    for line in [
        r#"{"cmd":"stats"}"#,
        r#"{"id":-1}"#,
        r#"{"id":"7"}"#,
        "7",
        "",
    ] {
        assert_eq!(parse_number(line.as_bytes()), None, "{line}");
    }
}

#[test]
fn an_unknown_command_is_named() {
    assert_eq!(
        parse_command(br#"{"cmd":"fly"}"#),
        Err(LineError::Unknown("fly".into()))
    );
}

#[test]
fn a_line_without_what_it_needs_is_bad() {
    assert!(matches!(
        parse_command(br#"{"cmd":"adopt"}"#),
        Err(LineError::Bad(_))
    ));
    assert!(matches!(parse_command(b"[]"), Err(LineError::Bad(_))));
    assert!(matches!(parse_command(b"\xff"), Err(LineError::Bad(_))));
}

#[test]
fn a_peer_prints_without_its_secret() {
    let line = format!(
        r#"{{"cmd":"peer","fingerprint":"{0}","secret":"{1}","connection_id":"00"}}"#,
        "0".repeat(64),
        "5ec2e7".repeat(8)
    );
    let command = parse_command(line.as_bytes()).unwrap();
    assert!(!format!("{command:?}").contains("5ec2e7"));
}

#[test]
fn hex_has_its_exact_length() {
    assert_eq!(parse_hex::<2>("0aFf"), Some([10, 255]));
    assert_eq!(parse_hex::<2>("0af"), None);
    assert_eq!(parse_hex::<2>("0a+f"), None);
    assert_eq!(to_hex(&[10, 255]), "0aff");
}

proptest! {
    #[test]
    fn any_line_is_a_command_or_refused(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = (parse_command(&line), parse_number(&line));
    }
}
