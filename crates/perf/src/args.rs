//! The command line. Pure.

use crate::AnyError;
use std::net::IpAddr;

/// What was asked for; `main.rs` explains it.
#[derive(Clone, Debug)]
pub struct Args {
    pub verb: String,
    pub to: Option<IpAddr>,
    pub cc: String,
    pub tcp: Option<String>,
    pub way: String,
    pub seconds: u64,
    pub skip: u64,
    pub connections: usize,
    pub streams: usize,
}

pub fn parse(words: impl Iterator<Item = String>) -> Result<Args, AnyError> {
    let mut words = words.peekable();
    let mut args = Args {
        verb: words.next().ok_or("serve, up, down or mix?")?,
        to: None,
        cc: "steady".into(),
        tcp: None,
        way: "up".into(),
        seconds: 8,
        skip: 3,
        connections: 1,
        streams: 1,
    };
    if words.peek().is_some_and(|word| !word.starts_with("--")) {
        args.to = words.next().map(|ip| ip.parse()).transpose()?;
    }
    while let Some(word) = words.next() {
        let value = words
            .next()
            .ok_or_else(|| format!("{word} wants a value"))?;
        match word.as_str() {
            "--cc" => args.cc = value,
            "--tcp" => args.tcp = Some(value),
            "--way" => args.way = value,
            "--seconds" => args.seconds = value.parse()?,
            "--skip" => args.skip = value.parse()?,
            "--connections" => args.connections = value.parse()?,
            "--streams" => args.streams = value.parse()?,
            _ => return Err(format!("no such option: {word}").into()),
        }
    }
    Ok(args)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Args, AnyError> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn every_option_lands_in_its_place() {
        let line = "mix 10.0.0.2 --cc bbr --tcp reno --way down --seconds 20 --skip 4 \
                    --connections 2 --streams 8";
        let args = parsed(line).unwrap();
        assert_eq!((&*args.verb, &*args.cc, &*args.way), ("mix", "bbr", "down"));
        assert_eq!(args.to, Some([10, 0, 0, 2].into()));
        assert_eq!(args.tcp.as_deref(), Some("reno"));
        assert_eq!((args.seconds, args.skip), (20, 4));
        assert_eq!((args.connections, args.streams), (2, 8));
    }

    #[test]
    fn a_server_needs_no_address() {
        let args = parsed("serve --cc cubic").unwrap();
        assert_eq!((args.to, &*args.cc), (None, "cubic"));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, name) in [
            ("", "serve"),
            ("up 10.0.0.2 --fast yes", "--fast"),
            ("up 10.0.0.2 --cc", "--cc"),
        ] {
            assert!(parsed(line).unwrap_err().to_string().contains(name));
        }
        assert!(parsed("up nowhere").is_err());
        assert!(parsed("up 10.0.0.2 --seconds soon").is_err());
    }
}
