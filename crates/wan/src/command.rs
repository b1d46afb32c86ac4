//! The lines that steer the emulator while it runs, and the words of its answers. Pure.
//!
//! ```text
//! both delay 30ms         ab | ba | both, then a setting and its value
//! ab loss 0.5%            share: 0.5% or 0.005
//! ab burst 0.1% 12        chance of a burst at a packet, mean length in packets
//! ba rate 200M            bits per second; 0: no limit
//! both queue 1500K        bytes; 0: no limit
//! both mtu 1280
//! ab reorder 1% 3ms       share, how late
//! both dark on|off|60s    lose everything, for ever or for a time
//! address 10.77.0.9       side A is seen at B under this address from now on ("off": its own)
//! ports 1000              its ports are seen shifted by so much ("off": as they are)
//! clear                   all settings of both directions back to nothing
//! stats
//! ```

use crate::path::PathConfig;
use std::net::Ipv4Addr;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Side {
    AtoB,
    BtoA,
    Both,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    Delay(u64),
    Jitter(u64),
    Loss(f64),
    Burst(f64, f64),
    Rate(u64),
    Queue(u64),
    Mtu(usize),
    Reorder(f64, u64),
    /// Nanoseconds from now; 0: light; `u64::MAX`: until told otherwise.
    Dark(u64),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Set(Side, Setting),
    Address(Option<Ipv4Addr>),
    Ports(u16),
    Clear,
    Stats,
}

/// Parses one line; the error says what was not understood.
pub fn parse_command(line: &str) -> Result<Command, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["stats"] => Ok(Command::Stats),
        ["clear"] => Ok(Command::Clear),
        ["address", "off"] => Ok(Command::Address(None)),
        ["address", ip] => parsed(ip, "an IPv4 address").map(|ip| Command::Address(Some(ip))),
        ["ports", "off"] => Ok(Command::Ports(0)),
        ["ports", shift] => parsed(shift, "a port shift").map(Command::Ports),
        ["ab", rest @ ..] => parse_setting(rest).map(|s| Command::Set(Side::AtoB, s)),
        ["ba", rest @ ..] => parse_setting(rest).map(|s| Command::Set(Side::BtoA, s)),
        ["both", rest @ ..] => parse_setting(rest).map(|s| Command::Set(Side::Both, s)),
        _ => Err(format!("no such command: {line:?}")),
    }
}

fn parse_setting(words: &[&str]) -> Result<Setting, String> {
    match words {
        ["delay", x] => parse_time(x).map(Setting::Delay),
        ["jitter", x] => parse_time(x).map(Setting::Jitter),
        ["loss", x] => parse_share(x).map(Setting::Loss),
        ["burst", x, length] => Ok(Setting::Burst(
            parse_share(x)?,
            parsed(length, "a mean length")?,
        )),
        ["rate", x] => parse_amount(x).map(Setting::Rate),
        ["queue", x] => parse_amount(x).map(Setting::Queue),
        ["mtu", x] => parsed(x, "a number of bytes").map(Setting::Mtu),
        ["reorder", x, by] => Ok(Setting::Reorder(parse_share(x)?, parse_time(by)?)),
        ["dark", "on"] => Ok(Setting::Dark(u64::MAX)),
        ["dark", "off"] => Ok(Setting::Dark(0)),
        ["dark", x] => parse_time(x).map(Setting::Dark),
        _ => Err(format!("no such setting: {:?}", words.join(" "))),
    }
}

/// Carries a setting over into a direction's configuration; `now` in nanoseconds.
pub fn apply(setting: &Setting, config: &mut PathConfig, now: u64) {
    match *setting {
        Setting::Delay(x) => config.delay = x,
        Setting::Jitter(x) => config.jitter = x,
        Setting::Loss(x) => config.loss = x,
        Setting::Burst(x, length) => (config.burst, config.burst_length) = (x, length),
        Setting::Rate(x) => config.rate = x,
        Setting::Queue(x) => config.queue = x,
        Setting::Mtu(x) => config.mtu = x,
        Setting::Reorder(x, by) => (config.reorder, config.reorder_by) = (x, by),
        Setting::Dark(0) => config.dark_until = 0,
        Setting::Dark(x) => config.dark_until = now.saturating_add(x),
    }
}

fn parsed<T: std::str::FromStr>(word: &str, what: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("not {what}: {word:?}"))
}

/// Nanoseconds of `30ms`, `1.5s`, `200us`, or of plain milliseconds.
fn parse_time(word: &str) -> Result<u64, String> {
    let units = [("ms", 1e6), ("us", 1e3), ("s", 1e9), ("", 1e6)];
    scaled(word, &units, "a time").map(|x| x as u64)
}

/// `0.5%` or `0.005`; at most 1.
fn parse_share(word: &str) -> Result<f64, String> {
    let share = scaled(word, &[("%", 0.01), ("", 1.0)], "a share")?;
    if share <= 1.0 {
        Ok(share)
    } else {
        Err(format!("more than all: {word:?}"))
    }
}

/// `1500`, `64K`, `200M`, `1.5G` with decimal prefixes.
fn parse_amount(word: &str) -> Result<u64, String> {
    let units = [("K", 1e3), ("M", 1e6), ("G", 1e9), ("", 1.0)];
    scaled(word, &units, "an amount").map(|x| x as u64)
}

fn scaled(word: &str, units: &[(&str, f64)], what: &str) -> Result<f64, String> {
    let found = units
        .iter()
        .find_map(|(unit, factor)| Some((word.strip_suffix(unit)?, factor)));
    let (number, factor) = found.ok_or_else(|| format!("not {what}: {word:?}"))?;
    let number: f64 = parsed(number, what)?;
    if number.is_finite() && number >= 0.0 {
        Ok(number * factor)
    } else {
        Err(format!("not {what}: {word:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(line: &str) -> Setting {
        match parse_command(line) {
            Ok(Command::Set(_, setting)) => setting,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn units_are_read() {
        assert_eq!(setting("ab delay 30ms"), Setting::Delay(30_000_000));
        assert_eq!(setting("ab delay 30"), Setting::Delay(30_000_000));
        assert_eq!(setting("ab jitter 200us"), Setting::Jitter(200_000));
        assert_eq!(setting("ab loss 0.5%"), Setting::Loss(0.005));
        assert_eq!(setting("ab loss 0.25"), Setting::Loss(0.25));
        assert_eq!(setting("ba rate 200M"), Setting::Rate(200_000_000));
        assert_eq!(setting("ba queue 64K"), Setting::Queue(64_000));
        assert_eq!(setting("both dark 60s"), Setting::Dark(60_000_000_000));
        assert_eq!(setting("both dark on"), Setting::Dark(u64::MAX));
        assert_eq!(setting("ab burst 0.1% 12"), Setting::Burst(0.001, 12.0));
        assert_eq!(
            setting("ab reorder 1% 3ms"),
            Setting::Reorder(0.01, 3_000_000)
        );
    }

    #[test]
    fn whole_commands_are_read() {
        let address = Command::Address(Some(Ipv4Addr::new(10, 0, 0, 9)));
        assert_eq!(parse_command("address 10.0.0.9"), Ok(address));
        assert_eq!(parse_command(" address  off "), Ok(Command::Address(None)));
        assert_eq!(parse_command("ports 1000"), Ok(Command::Ports(1000)));
        assert_eq!(parse_command("stats"), Ok(Command::Stats));
        assert_eq!(parse_command("clear"), Ok(Command::Clear));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "",
            "ab",
            "ab delay",
            "ab delay fast",
            "ab delay -1ms",
            "ab loss 120%",
            "ab rate infM",
            "xy loss 1%",
            "address home",
            "ports 70000",
        ] {
            assert!(parse_command(line).is_err(), "{line}");
        }
    }

    #[test]
    fn settings_reach_the_configuration() {
        let mut config = PathConfig::default();
        for line in [
            "ab delay 1ms",
            "ab jitter 2ms",
            "ab loss 3%",
            "ab burst 4% 5",
            "ab rate 6",
            "ab queue 7",
            "ab mtu 8",
            "ab reorder 9% 10ms",
            "ab dark 1s",
        ] {
            apply(&setting(line), &mut config, 5);
        }
        let expected = PathConfig {
            delay: 1_000_000,
            jitter: 2_000_000,
            loss: 0.03,
            burst: 0.04,
            burst_length: 5.0,
            rate: 6,
            queue: 7,
            mtu: 8,
            reorder: 0.09,
            reorder_by: 10_000_000,
            dark_until: 1_000_000_005,
        };
        assert_eq!(config, expected);
        apply(&Setting::Dark(0), &mut config, 5);
        assert_eq!(config.dark_until, 0);
    }
}
