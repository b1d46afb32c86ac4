//! The agent's own door: a stream of the host's that enters it, on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;

use common::control::{Control, connected};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

fn enter(host: &mut Control) -> UnixStream {
    let (ours, theirs) = StdUnixStream::pair().unwrap();
    let descriptor = OwnedFd::from(theirs);
    host.say(&json!({"cmd": "enter", "fds": 1}), Some(&descriptor));
    ours.set_nonblocking(true).unwrap();
    UnixStream::from_std(ours).unwrap()
}

#[tokio::test]
async fn the_host_enters_where_the_agent_says_and_bytes_pass_both_ways() {
    let (mut host, mut target) = connected().await;
    let folder = std::env::temp_dir().join(format!("door-{}", std::process::id()));
    let _ = std::fs::remove_file(&folder);
    let agent = UnixListener::bind(&folder).unwrap();
    target.say(&json!({"cmd": "door", "address": folder}), None);
    target.ask("stats").await; // so that it has the line for certain
    let mut ours = enter(&mut host);
    ours.write_all(b"token\n").await.unwrap();
    let (mut theirs, _) = agent.accept().await.unwrap();
    let mut got = [0; 6];
    theirs.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"token\n");
    theirs.write_all(b"hello!").await.unwrap();
    ours.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"hello!");
    let stats = target.ask("stats").await;
    assert_eq!(stats["services"]["door"]["flows_open"], 1);
    drop(theirs);
    assert_eq!(ours.read(&mut got).await.unwrap_or(0), 0);
    std::fs::remove_file(&folder).unwrap();
}

#[tokio::test]
async fn where_no_door_was_named_nobody_enters() {
    let (mut host, _target) = connected().await;
    let mut ours = enter(&mut host);
    assert_eq!(ours.read(&mut [0; 8]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn without_a_link_there_is_nothing_to_enter_by() {
    let mut host = Control::greeted().await;
    let mut ours = enter(&mut host);
    assert_eq!(host.wait("error").await["code"], "not-connected");
    assert_eq!(ours.read(&mut [0; 8]).await.unwrap_or(0), 0);
}
