use super::*;
use proptest::prelude::*;

/// The commands of the sample file. An error event names the command that failed, but is not one.
fn samples() -> impl Iterator<Item = serde_json::Value> {
    include_str!("../../tests/control_samples.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|sample| sample.get("cmd").is_some() && sample.get("event").is_none())
}

#[test]
fn every_command_of_the_samples_parses() {
    let mut seen = Vec::new();
    for sample in samples() {
        let command = parse_command(sample.to_string().as_bytes()).unwrap();
        assert_eq!(sample["cmd"], command.name());
        seen.push(command.name());
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), COMMANDS.len());
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
