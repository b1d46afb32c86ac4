//! Drives one sidecar over its control socket, which is its standard input.

use std::io::{BufRead, BufReader, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::{Value, json};

pub struct Sidecar {
    pub child: Child,
    socket: UnixStream,
    reader: BufReader<UnixStream>,
}

impl Sidecar {
    pub fn start(namespace: &str, binary: &str) -> Self {
        let (ours, theirs) = UnixStream::pair().expect("a socketpair");
        let child = Command::new("ip")
            .args(["netns", "exec", namespace, binary, "--control-fd", "0"])
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .spawn()
            .expect("the sidecar starts");
        let reader = BufReader::new(ours.try_clone().expect("a copy"));
        let mut sidecar = Self {
            child,
            socket: ours,
            reader,
        };
        sidecar.wait("ready");
        sidecar.say(json!({"cmd": "hello", "v": 2}));
        sidecar
    }

    pub fn say(&mut self, command: Value) {
        self.send(command, None);
    }

    pub fn say_with(&mut self, command: Value, descriptor: impl AsFd) {
        self.send(command, Some(descriptor.as_fd()));
    }

    fn send(&mut self, command: Value, descriptor: Option<std::os::fd::BorrowedFd<'_>>) {
        let line = format!("{command}\n");
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let list: Vec<_> = descriptor.into_iter().collect();
        if !list.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(&list));
        }
        let bytes = [IoSlice::new(line.as_bytes())];
        sendmsg(&self.socket, &bytes, &mut ancillary, SendFlags::empty())
            .expect("the line goes out");
    }

    /// Wait for an event; prints others, fails on an error.
    pub fn wait(&mut self, event: &str) -> Value {
        loop {
            let mut line = String::new();
            assert!(
                self.reader.read_line(&mut line).expect("a line") > 0,
                "the sidecar is gone"
            );
            let value: Value = serde_json::from_str(&line).expect("JSON");
            if value["event"] == event {
                return value;
            }
            assert!(value["event"] != "error", "{value}");
            eprintln!("  {}", line.trim());
        }
    }

    pub fn stats(&mut self) -> Value {
        self.say(json!({"cmd": "stats"}));
        self.wait("stats")
    }

    /// Resident memory in MB, and CPU seconds. The child is `ip`, which became the sidecar.
    pub fn usage(&self) -> (f64, f64) {
        let read = |name| std::fs::read_to_string(format!("/proc/{}/{name}", self.child.id()));
        let statm = read("statm").unwrap_or_default();
        let pages: f64 = statm
            .split(' ')
            .nth(1)
            .and_then(|n| n.parse().ok())
            .unwrap_or(0.0);
        let stat = read("stat").unwrap_or_default();
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or("")
            .split_whitespace()
            .collect();
        let ticks = |at: usize| {
            fields
                .get(at)
                .and_then(|n| n.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        (pages * 4096.0 / 1e6, (ticks(11) + ticks(12)) / 100.0)
    }
}
