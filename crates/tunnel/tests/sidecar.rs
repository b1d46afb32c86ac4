//! Two sidecars, driven over their control sockets, on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;

use common::control::{Control, carry, connected};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

#[tokio::test]
async fn a_binding_is_carried_and_counted_and_released() {
    let (mut host, mut target) = connected().await;
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (key, local) = carry(&mut host, &mut target, &service).await;
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
    host.served().await.unwrap();
}

#[tokio::test]
async fn mistakes_are_answered_and_do_not_end_the_sidecar() {
    let mut control = Control::start().await;
    control.say(&json!({"cmd": "stats"}), None);
    assert_eq!(control.wait("error").await["code"], "version");
    control.say(&json!({"cmd": "hello", "v": 99}), None);
    assert_eq!(control.wait("error").await["code"], "version");
    control.say(&json!({"cmd": "hello", "v": 2}), None);
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
async fn answers_carry_the_number_of_their_question() {
    let (mut host, mut target) = connected().await;
    for (command, event) in [
        (json!({"cmd": "stats", "id": 7}), "stats"),
        (json!({"cmd": "release", "binding": 1, "id": 8}), "released"),
        (json!({"cmd": "fly", "id": 9}), "error"),
        (json!({"cmd": "adopt", "id": 10}), "error"),
        (json!({"cmd": "start", "role": "host", "id": 11}), "error"),
    ] {
        host.say(&command, None);
        assert_eq!(host.wait(event).await["re"], command["id"], "{command}");
    }
    host.say(&json!({"cmd": "stats"}), None);
    assert!(host.wait("stats").await.get("re").is_none());
    target.ask("stats").await;
}

#[tokio::test]
async fn the_end_of_an_attempt_carries_the_number_of_its_question() {
    let mut host = Control::greeted().await;
    host.say(&json!({"cmd": "start", "role": "host"}), None);
    host.wait("listening").await;
    let peer = json!({"cmd": "peer", "fingerprint": "ab".repeat(32), "secret": "0f".repeat(32),
                      "connection_id": "1e".repeat(16), "addresses": [], "id": 12});
    host.say(&peer, None);
    assert_eq!(host.wait("error").await["re"], 12);
}

#[tokio::test]
async fn it_ends_when_its_parent_is_gone() {
    Control::greeted().await.leave().await.unwrap();
}

#[tokio::test]
async fn a_line_without_end_ends_it_with_an_error() {
    let mut control = Control::greeted().await;
    let mut writer = UnixStream::from_std(control.writer.try_clone().unwrap()).unwrap();
    tokio::spawn(async move {
        let _ = writer.write_all(&vec![b' '; 4 << 20]).await;
    });
    assert_eq!(control.wait("error").await["code"], "bad-line");
    control.served().await.unwrap();
}

#[tokio::test]
async fn open_flows_of_a_service_that_left_the_table_go_on() {
    let (mut host, mut target) = connected().await;
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_, local) = carry(&mut host, &mut target, &service).await;
    let mut open = TcpStream::connect(local).await.unwrap();
    open.write_all(b"x").await.unwrap();
    let (mut served, _) = service.accept().await.unwrap();
    target.say(&json!({"cmd": "services", "table": {}}), None);
    target.ask("stats").await;

    let mut new = TcpStream::connect(local).await.unwrap();
    assert!(new.read(&mut [0]).await.is_err());
    let mut got = [0; 2];
    open.write_all(b"y").await.unwrap();
    served.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"xy");
    served.write_all(b"z").await.unwrap();
    open.read_exact(&mut got[..1]).await.unwrap();
}

#[tokio::test]
async fn a_peer_hears_the_end_though_python_listens_no_more() {
    let (mut host, mut target) = connected().await;
    host.writer.shutdown(Shutdown::Read).unwrap();
    host.say(&json!({"cmd": "stats"}), None);
    assert_eq!(target.wait("closed").await["reason"], "peer-shutdown");
}

#[tokio::test]
async fn a_command_that_fails_uses_its_descriptor_up() {
    let (mut host, mut target) = (Control::greeted().await, Control::greeted().await);
    let (ours, _theirs) = UnixDatagram::pair().unwrap();
    let stray = OwnedFd::from(ours);
    host.say(&json!({"cmd": "path", "fds": 1}), Some(&stray));
    assert_eq!(host.wait("error").await["code"], "bad-command");
    common::control::introduce(&mut host, &mut target).await;
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_, local) = carry(&mut host, &mut target, &service).await;
    let _tcp = TcpStream::connect(local).await.unwrap();
    service.accept().await.unwrap();
}
