//! The namespaces, the pair of sidecars, and the row of loads.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::control::Sidecar;

const HOST: &str = "plt-host";
const TARGET: &str = "plt-target";
const TARGET_IP: &str = "10.99.7.2";

fn ip(words: &str) -> bool {
    Command::new("ip")
        .args(words.split(' '))
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

struct Lab {
    children: Vec<Child>,
}

impl Drop for Lab {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        ip(&format!("netns del {HOST}"));
        ip(&format!("netns del {TARGET}"));
    }
}

fn make() -> Lab {
    ip(&format!("netns del {HOST}"));
    ip(&format!("netns del {TARGET}"));
    for words in [
        format!("netns add {HOST}"),
        format!("netns add {TARGET}"),
        format!("link add plt0 netns {HOST} type veth peer name plt1 netns {TARGET}"),
        format!("-n {HOST} addr add 10.99.7.1/24 dev plt0"),
        format!("-n {TARGET} addr add {TARGET_IP}/24 dev plt1"),
        format!("-n {HOST} link set plt0 up"),
        format!("-n {TARGET} link set plt1 up"),
        format!("-n {HOST} link set lo up"),
        format!("-n {TARGET} link set lo up"),
    ] {
        assert!(ip(&words), "ip {words}");
    }
    Lab {
        children: Vec::new(),
    }
}

fn inside(namespace: &str, words: &[&str]) -> Command {
    let own = std::env::current_exe().expect("our own path");
    let mut command = Command::new("ip");
    command
        .args(["netns", "exec", namespace])
        .arg(own)
        .args(words);
    command
}

/// A listening socket of another namespace: a thread enters it, binds, and ends.
fn listen_in(namespace: &'static str, port: u16) -> TcpListener {
    std::thread::spawn(move || {
        let file = std::fs::File::open(format!("/run/netns/{namespace}")).expect("the namespace");
        let kind = Some(rustix::thread::LinkNameSpaceType::Network);
        rustix::thread::move_into_link_name_space(std::os::fd::AsFd::as_fd(&file), kind)
            .expect("to enter it");
        TcpListener::bind(("127.0.0.1", port)).expect("a free port")
    })
    .join()
    .expect("the thread")
}

fn introduce(host: &mut Sidecar, target: &mut Sidecar, congestion: &str) {
    host.say(json!({"cmd": "start", "role": "host", "congestion": congestion}));
    target.say(
        json!({"cmd": "start", "role": "target", "bind": TARGET_IP, "congestion": congestion}),
    );
    let (h, t) = (host.wait("listening"), target.wait("listening"));
    let (secret, id) = ("07".repeat(32), "09".repeat(16));
    target.say(json!({"cmd": "services", "table": {
        "tcp/127.0.0.1:9001": ["127.0.0.1:9001"], "tcp/127.0.0.1:9002": ["127.0.0.1:9002"],
        "tcp/127.0.0.1:9003": ["127.0.0.1:9003"]}}));
    target.say(
        json!({"cmd": "peer", "fingerprint": h["fingerprint"], "secret": secret,
        "connection_id": id, "addresses": []}),
    );
    host.say(
        json!({"cmd": "peer", "fingerprint": t["fingerprint"], "secret": secret,
        "connection_id": id, "addresses": [format!("{TARGET_IP}:{}", t["port"])]}),
    );
    host.wait("connected");
    for port in [9001, 9002, 9003] {
        let listener = listen_in(HOST, port);
        let service = format!("tcp/127.0.0.1:{port}");
        host.say_with(
            json!({"cmd": "adopt", "binding": port, "service": service, "fds": 1}),
            &listener,
        );
        host.wait("adopted");
    }
}

/// `ssh -L` beside the pair, on 127.0.0.2: a daemon and keys of its own in a fresh directory.
fn start_ssh(lab: &mut Lab) {
    let dir = std::env::temp_dir().join(format!("plt-ssh-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    let path = |name: &str| dir.join(name).display().to_string();
    for key in ["host", "user"] {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f", &path(key)])
            .status();
        assert!(made.is_ok_and(|status| status.success()));
    }
    std::fs::copy(path("user.pub"), path("authorized")).expect("a copy");
    let config = format!(
        "ListenAddress {TARGET_IP}:2200\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n",
        path("host"),
        path("authorized")
    );
    std::fs::write(path("config"), config).expect("the configuration");
    let daemon = [
        "netns",
        "exec",
        TARGET,
        "/usr/sbin/sshd",
        "-D",
        "-f",
        &path("config"),
    ];
    lab.children.push(
        Command::new("ip")
            .args(daemon)
            .spawn()
            .expect("sshd starts"),
    );
    std::thread::sleep(std::time::Duration::from_millis(500));
    let mut ssh = Command::new("ip");
    ssh.args([
        "netns",
        "exec",
        HOST,
        "ssh",
        "-N",
        "-i",
        &path("user"),
        "-p",
        "2200",
    ]);
    // This lab's own daemon, whose key was made a moment ago.
    ssh.args([
        "-F",
        "none",
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-q",
    ]);
    for port in [9001, 9002, 9003] {
        ssh.args(["-L", &format!("127.0.0.2:{port}:127.0.0.1:{port}")]);
    }
    lab.children.push(
        ssh.arg(format!("root@{TARGET_IP}"))
            .spawn()
            .expect("ssh starts"),
    );
    let listens = || {
        let listed = Command::new("ip")
            .args(["netns", "exec", HOST, "ss", "-ltn"])
            .output();
        listed.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains("127.0.0.2:9003"))
    };
    while !listens() {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

pub fn run(binary: &str, congestion: &str, only: &str) {
    let mut lab = make();
    let serve = inside(TARGET, &["serve", "0.0.0.0"])
        .spawn()
        .expect("the servers start");
    lab.children.push(serve);
    let mut host = Sidecar::start(HOST, binary);
    let mut target = Sidecar::start(TARGET, binary);
    introduce(&mut host, &mut target, congestion);
    start_ssh(&mut lab);
    println!(
        "{congestion}: memory idle {:.1} and {:.1} MB",
        host.usage().0,
        target.usage().0
    );
    for loads in [
        ["short", "9003", "10000", "100"],
        ["up", "9001", "1", "4"],
        ["down", "9002", "1", "4"],
        ["up", "9001", "8", "4"],
        ["down", "9002", "8", "4"],
        ["stall", "9002", "200", "4"],
        ["stall", "9002", "1000", "4"],
    ] {
        if !only.is_empty() && only != loads[0] {
            continue;
        }
        for (name, address) in [
            ("quic", "127.0.0.1"),
            ("ssh", "127.0.0.2"),
            ("direct", TARGET_IP),
        ] {
            let to = format!("{address}:{}", loads[1]);
            let before = (host.usage().1, target.usage().1);
            print!("{name:6} ");
            let done = inside(HOST, &[loads[0], &to, loads[2], loads[3]]).status();
            assert!(done.is_ok_and(|status| status.success()));
            if name == "quic" {
                let (h, t) = (host.usage(), target.usage());
                println!(
                    "       cpu {:.2}+{:.2} s, memory {:.0} and {:.0} MB",
                    h.1 - before.0,
                    t.1 - before.1,
                    h.0,
                    t.0
                );
            }
            if loads[0] == "stall" {
                break;
            }
        }
    }
    println!("{}", host.stats()["connection"]);
    println!("{}", target.stats()["connection"]);
    host.say(json!({"cmd": "shutdown"}));
    target.say(json!({"cmd": "shutdown"}));
    let _ = (host.child.wait(), target.child.wait());
}
