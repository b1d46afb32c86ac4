//! The emulator on real devices. Needs root: `cargo test -p port-linker-wan -- --ignored`.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Two namespaces of our own with the emulator between them; gone when dropped.
struct Lab {
    names: [String; 2],
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Lab {
    fn new(tag: &str) -> Self {
        let names = ["a", "b"].map(|end| format!("wan-{tag}-{end}-{}", std::process::id()));
        for name in &names {
            assert!(ip(&["netns", "add", name]), "namespaces need root");
            assert!(ip(&["-n", name, "link", "set", "lo", "up"]));
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_port-linker-wan"))
            .args(["--a-ns", &names[0], "--b-ns", &names[1]])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{e}"));
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap_or_else(|| unreachable!()));
        let mut lab = Self {
            names,
            child,
            input,
            output,
        };
        assert_eq!(lab.line(), r#"{"ready":true}"#);
        lab
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.output.read_line(&mut line).is_ok());
        line.trim().to_owned()
    }

    fn say(&mut self, command: &str) -> String {
        let input = self.input.as_mut().unwrap_or_else(|| unreachable!());
        assert!(writeln!(input, "{command}").is_ok());
        self.line()
    }

    /// A socket in a namespace, bound to any port of its address.
    fn socket(&self, end: usize) -> UdpSocket {
        let path = format!("/run/netns/{}", self.names[end]);
        let made = std::thread::spawn(move || {
            let namespace = std::fs::File::open(path)?;
            let fd = std::os::fd::AsRawFd::as_raw_fd(&namespace);
            // SAFETY: a call without pointers; this thread ends right after.
            assert_eq!(unsafe { libc::setns(fd, libc::CLONE_NEWNET) }, 0);
            let socket = UdpSocket::bind(("0.0.0.0", 0))?;
            socket.set_read_timeout(Some(Duration::from_secs(2)))?;
            Ok::<_, std::io::Error>(socket)
        });
        let made = made.join().unwrap_or_else(|_| panic!("no socket"));
        made.unwrap_or_else(|e| panic!("{e}"))
    }

    fn pair(&self) -> (UdpSocket, UdpSocket, SocketAddr) {
        let (a, b) = (self.socket(0), self.socket(1));
        let port = b.local_addr().map_or(0, |address| address.port());
        (a, b, SocketAddr::from(([10, 77, 0, 2], port)))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
        for name in &self.names {
            ip(&["netns", "del", name]);
        }
    }
}

fn ip(words: &[&str]) -> bool {
    Command::new("ip")
        .args(words)
        .status()
        .is_ok_and(|status| status.success())
}

fn receive(socket: &UdpSocket) -> Option<(usize, SocketAddr)> {
    socket.recv_from(&mut [0; 2000]).ok()
}

/// Sends packets of 1,000 bytes (1,028 with headers) at a pace, and counts what arrives.
fn stream(lab: &Lab, count: u32, pause: Duration) -> (u32, Duration) {
    let (a, b, to) = lab.pair();
    let _ = b.set_read_timeout(Some(Duration::from_millis(700)));
    let sender = std::thread::spawn(move || {
        let start = Instant::now();
        for i in 0..count {
            std::thread::sleep((pause * i).saturating_sub(start.elapsed()));
            let _ = a.send_to(&[0; 1000], to);
        }
    });
    let mut arrived = 0;
    let (mut first, mut last) = (None, Instant::now());
    while receive(&b).is_some() {
        arrived += 1;
        last = Instant::now();
        first.get_or_insert(last);
    }
    assert!(sender.join().is_ok());
    (arrived, first.map_or(Duration::ZERO, |first| last - first))
}

#[test]
#[ignore = "needs root and network namespaces"]
fn delay_is_kept_both_ways() {
    let mut lab = Lab::new("delay");
    lab.say("ab delay 30ms");
    lab.say("ba delay 10ms");
    let (a, b, to) = lab.pair();
    let mut trips = Vec::new();
    for _ in 0..20 {
        let start = Instant::now();
        assert!(a.send_to(b"there", to).is_ok());
        let (_, from) = receive(&b).unwrap_or_else(|| panic!("nothing came"));
        assert!(b.send_to(b"back", from).is_ok());
        assert!(receive(&a).is_some());
        trips.push(start.elapsed());
    }
    trips.sort();
    assert!(trips[0] >= Duration::from_millis(40), "{:?}", trips[0]);
    assert!(trips[10] < Duration::from_millis(46), "{:?}", trips[10]);
}

#[test]
#[ignore = "needs root and network namespaces"]
fn random_loss_has_its_share() {
    let mut lab = Lab::new("loss");
    lab.say("ab loss 10%");
    let (arrived, _) = stream(&lab, 4000, Duration::from_micros(200));
    assert!((3480..3720).contains(&arrived), "{arrived}");
}

#[test]
#[ignore = "needs root and network namespaces"]
fn the_rate_is_kept_and_the_queue_overflows() {
    let mut lab = Lab::new("rate");
    lab.say("ab rate 8224K"); // 1,000 packets of 1,028 bytes a second
    lab.say("ab queue 102800"); // 100 of them
    let (arrived, took) = stream(&lab, 2000, Duration::from_micros(500));
    assert!((1050..1150).contains(&arrived), "{arrived}");
    let rate = f64::from(arrived - 1) / took.as_secs_f64();
    assert!((970.0..1030.0).contains(&rate), "{rate}");
}

#[test]
#[ignore = "needs root and network namespaces"]
fn a_new_address_is_seen_and_the_dark_is_dark() {
    let mut lab = Lab::new("move");
    let (a, b, to) = lab.pair();
    assert!(a.send_to(b"one", to).is_ok());
    let before = receive(&b).map(|(_, from)| from);
    lab.say("address 10.77.0.99");
    lab.say("ports 1000");
    assert!(a.send_to(b"two", to).is_ok());
    let after = receive(&b).map(|(_, from)| from);
    let (Some(before), Some(after)) = (before, after) else {
        panic!("{before:?} {after:?}")
    };
    assert_eq!(after.ip().to_string(), "10.77.0.99");
    assert_eq!(after.port(), before.port().wrapping_add(1000));
    assert!(b.send_to(b"back", after).is_ok());
    assert!(receive(&a).is_some());
    lab.say("both dark 300ms");
    let _ = b.set_read_timeout(Some(Duration::from_millis(200)));
    assert!(a.send_to(b"lost", to).is_ok());
    assert!(receive(&b).is_none());
    assert!(lab.say("stats").contains(r#""dark_drops":1"#));
    assert!(lab.say("nonsense").contains(r#""ok":false"#));
}
