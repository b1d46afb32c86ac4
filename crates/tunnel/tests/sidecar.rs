//! Two sidecars, driven over their control sockets, on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;

use port_linker_tunnel::sidecar::run_sidecar;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinHandle;

struct Control {
    writer: StdUnixStream,
    reader: BufReader<UnixStream>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Control {
    async fn start() -> Self {
        let (ours, theirs) = StdUnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        let served = tokio::spawn(run_sidecar(UnixStream::from_std(theirs).unwrap()));
        let writer = ours.try_clone().unwrap();
        let reader = BufReader::new(UnixStream::from_std(ours).unwrap());
        let mut control = Self {
            writer,
            reader,
            served,
        };
        assert_eq!(control.wait("ready").await["v"], 1);
        control
    }

    async fn greeted() -> Self {
        let mut control = Self::start().await;
        control.say(&json!({"cmd": "hello", "v": 1}), None);
        control
    }

    fn say(&mut self, command: &Value, descriptor: Option<&OwnedFd>) {
        let line = format!("{command}\n");
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let list: Vec<_> = descriptor.iter().map(|fd| fd.as_fd()).collect();
        if !list.is_empty() {
            assert!(ancillary.push(SendAncillaryMessage::ScmRights(&list)));
        }
        let bytes = [IoSlice::new(line.as_bytes())];
        sendmsg(&self.writer, &bytes, &mut ancillary, SendFlags::empty()).unwrap();
    }

    async fn wait(&mut self, event: &str) -> Value {
        loop {
            let mut line = String::new();
            assert!(
                self.reader.read_line(&mut line).await.unwrap() > 0,
                "no {event}"
            );
            let value: Value = serde_json::from_str(&line).unwrap();
            if value["event"] == event {
                return value;
            }
        }
    }
}

async fn connected() -> (Control, Control) {
    let (mut host, mut target) = (Control::greeted().await, Control::greeted().await);
    host.say(&json!({"cmd": "start", "role": "host"}), None);
    target.say(
        &json!({"cmd": "start", "role": "target", "bind": "127.0.0.1"}),
        None,
    );
    let (h, t) = (host.wait("listening").await, target.wait("listening").await);
    let (secret, id) = ("0f".repeat(32), "1e".repeat(16));
    let peer = |of: &Value, addresses: Vec<String>| {
        json!({"cmd": "peer", "fingerprint": of["fingerprint"], "secret": secret,
               "connection_id": id, "addresses": addresses})
    };
    target.say(&peer(&h, vec![]), None);
    host.say(&peer(&t, vec![format!("127.0.0.1:{}", t["port"])]), None);
    host.wait("connected").await;
    target.wait("connected").await;
    (host, target)
}

#[tokio::test]
async fn a_binding_is_carried_and_counted_and_released() {
    let (mut host, mut target) = connected().await;
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = service.local_addr().unwrap();
    let key = format!("tcp/{address}");
    target.say(
        &json!({"cmd": "services", "table": {&key: [address.to_string()]}}),
        None,
    );
    let binding = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let local = binding.local_addr().unwrap();
    let descriptor = OwnedFd::from(binding);
    host.say(
        &json!({"cmd": "adopt", "binding": 5, "service": key, "fds": 1}),
        Some(&descriptor),
    );
    assert_eq!(host.wait("adopted").await["binding"], 5);
    // The table went to the other process: ask it something, so that it has it for certain.
    target.say(&json!({"cmd": "stats"}), None);
    target.wait("stats").await;

    let mut tcp = TcpStream::connect(local).await.unwrap();
    tcp.write_all(b"hello").await.unwrap();
    let (mut served, _) = service.accept().await.unwrap();
    let mut got = [0; 5];
    served.read_exact(&mut got).await.unwrap();
    served.write_all(&got).await.unwrap();
    tcp.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"hello");

    host.say(&json!({"cmd": "stats"}), None);
    let stats = host.wait("stats").await;
    let counted = &stats["services"][&key];
    assert_eq!(
        (&counted["up_bytes"], &counted["flows_open"]),
        (&json!(5), &json!(1))
    );
    assert!(stats["connection"]["mtu"].as_u64().unwrap() >= 1200);

    host.say(&json!({"cmd": "rebind"}), None);
    host.say(&json!({"cmd": "release", "binding": 5}), None);
    host.wait("released").await;
    tcp.write_all(b"again").await.unwrap();
    served.read_exact(&mut got).await.unwrap();
    host.say(&json!({"cmd": "reset_flows"}), None);
    assert!(tcp.read_exact(&mut got).await.is_err());

    host.say(&json!({"cmd": "shutdown"}), None);
    assert_eq!(target.wait("closed").await["reason"], "peer-shutdown");
    host.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn mistakes_are_answered_and_do_not_end_the_sidecar() {
    let mut control = Control::start().await;
    control.say(&json!({"cmd": "stats"}), None);
    assert_eq!(control.wait("error").await["code"], "version");
    control.say(&json!({"cmd": "hello", "v": 99}), None);
    assert_eq!(control.wait("error").await["code"], "version");
    control.say(&json!({"cmd": "hello", "v": 1}), None);
    for (command, code) in [
        (json!({"cmd": "fly"}), "unknown-command"),
        (json!({"cmd": "adopt"}), "bad-command"),
        (json!({"cmd": "rebind"}), "bad-command"),
        (
            json!({"cmd": "adopt", "binding": 1, "service": "tcp/127.0.0.1:1", "fds": 1}),
            "bad-descriptor",
        ),
        (
            json!({"cmd": "start", "role": "target", "bind": "192.0.2.1"}),
            "udp-socket",
        ),
        (
            json!({"cmd": "start", "role": "target", "bind": "127.0.0.1", "first_port": 2, "last_port": 1}),
            "no-udp-port",
        ),
    ] {
        control.say(&command, None);
        assert_eq!(control.wait("error").await["code"], code, "{command}");
    }
}

#[tokio::test]
async fn it_ends_when_its_parent_is_gone() {
    let control = Control::greeted().await;
    drop((control.writer, control.reader));
    control.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_line_without_end_ends_it_with_an_error() {
    let mut control = Control::greeted().await;
    let mut writer = UnixStream::from_std(control.writer.try_clone().unwrap()).unwrap();
    tokio::spawn(async move {
        let _ = writer.write_all(&vec![b' '; 2 << 20]).await;
    });
    assert_eq!(control.wait("error").await["code"], "bad-line");
    control.served.await.unwrap().unwrap();
}
