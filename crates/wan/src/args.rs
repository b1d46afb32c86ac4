//! The command line. Pure.

use crate::tun::EndConfig;
use std::net::Ipv4Addr;

pub const USAGE: &str = "\
port-linker-wan: a WAN between two network namespaces, in user space

  --a-ns NAME  --b-ns NAME      network namespaces (a name under /run/netns or a path)
  --a-dev NAME --b-dev NAME     devices to create there (wan0)
  --a-ip IP    --b-ip IP        their addresses (10.77.0.1, 10.77.0.2), each with /24
  --a-ip6 IP   --b-ip6 IP       the same for IPv6, each with /64 (none)
  --mtu BYTES                   of both devices (1500)
  --seed N                      of the random decisions (1)
  --set 'COMMAND'               a command to begin with; may be repeated

It says {\"ready\":true}, then reads one command a line from stdin and answers each with one line
of JSON. It ends when stdin ends. Commands: delay, jitter, loss, burst, rate, queue, mtu, reorder,
dark (each after ab, ba or both), address, ports, clear, stats.
";

#[derive(Debug, PartialEq)]
pub struct Args {
    pub ends: [EndConfig; 2],
    pub seed: u64,
    pub commands: Vec<String>,
}

pub fn parse_args(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = Args {
        ends: [1, 2].map(|host| EndConfig {
            namespace: String::new(),
            device: "wan0".to_owned(),
            address: Ipv4Addr::new(10, 77, 0, host),
            address6: None,
            mtu: 1500,
        }),
        seed: 1,
        commands: Vec::new(),
    };
    while let Some(word) = words.next() {
        let value = words
            .next()
            .ok_or_else(|| format!("{word} wants a value"))?;
        set(&mut args, &word, value)?;
    }
    Ok(args)
}

fn set(args: &mut Args, word: &str, value: String) -> Result<(), String> {
    let end = usize::from(word.starts_with("--b-"));
    match word {
        "--a-ns" | "--b-ns" => args.ends[end].namespace = value,
        "--a-dev" | "--b-dev" => args.ends[end].device = value,
        "--a-ip" | "--b-ip" => args.ends[end].address = read(word, &value)?,
        "--a-ip6" | "--b-ip6" => args.ends[end].address6 = Some(read(word, &value)?),
        "--mtu" => {
            let mtu = read(word, &value)?;
            args.ends.iter_mut().for_each(|end| end.mtu = mtu);
        }
        "--seed" => args.seed = read(word, &value)?,
        "--set" => args.commands.push(value),
        _ => return Err(format!("no such option: {word}")),
    }
    Ok(())
}

fn read<T: std::str::FromStr>(word: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{word}: cannot read {value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, String> {
        parse_args(line.split(' ').filter(|w| !w.is_empty()).map(str::to_owned))
    }

    #[test]
    fn every_option_lands_in_its_place() {
        let args = parse(
            "--a-ns x --b-ns y --a-dev w1 --b-ip 10.0.0.2 --a-ip6 fd00::1 --mtu 1400 --seed 9 --set stats",
        );
        let args = args.unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(args.ends[0].namespace, "x");
        assert_eq!(args.ends[1].namespace, "y");
        assert_eq!(
            (&*args.ends[0].device, &*args.ends[1].device),
            ("w1", "wan0")
        );
        assert_eq!(args.ends[0].address, Ipv4Addr::new(10, 77, 0, 1));
        assert_eq!(args.ends[1].address, Ipv4Addr::new(10, 0, 0, 2));
        assert!(args.ends[0].address6.is_some() && args.ends[1].address6.is_none());
        assert_eq!((args.ends[0].mtu, args.ends[1].mtu), (1400, 1400));
        assert_eq!((args.seed, args.commands), (9, vec!["stats".to_owned()]));
    }

    #[test]
    fn mistakes_are_named() {
        assert!(parse("--mtu").is_err_and(|e| e.contains("--mtu")));
        assert!(parse("--mtu many").is_err_and(|e| e.contains("many")));
        assert!(parse("--fast yes").is_err_and(|e| e.contains("--fast")));
    }
}
