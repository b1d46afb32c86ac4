//! A sidecar that is killed: what it cut short must not look complete.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::ErrorKind;

use common::control::{Control, carry, introduce};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A flow on which a byte went each way: the application's end and the service's.
async fn flow(host: &mut Control, target: &mut Control) -> (TcpStream, TcpStream) {
    introduce(host, target).await;
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_, local) = carry(host, target, &service).await;
    let mut tcp = TcpStream::connect(local).await.unwrap();
    tcp.write_all(b"x").await.unwrap();
    let (mut served, _) = service.accept().await.unwrap();
    served.read_exact(&mut [0]).await.unwrap();
    served.write_all(b"y").await.unwrap();
    tcp.read_exact(&mut [0]).await.unwrap();
    (tcp, served)
}

#[tokio::test]
async fn of_the_host_resets_the_local_connection() {
    let (mut host, mut target) = (Control::process().await, Control::greeted().await);
    let (mut tcp, _served) = flow(&mut host, &mut target).await;
    host.kill();
    let error = tcp.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn of_the_target_resets_the_connection_to_the_service() {
    let (mut host, mut target) = (Control::greeted().await, Control::process().await);
    let (_tcp, mut served) = flow(&mut host, &mut target).await;
    target.kill();
    let error = served.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

/// With one end relayed the other is still open: killed there, it was cut short as well.
#[tokio::test]
async fn resets_a_connection_whose_request_has_ended() {
    let (mut host, mut target) = (Control::process().await, Control::greeted().await);
    let (mut tcp, mut served) = flow(&mut host, &mut target).await;
    tcp.shutdown().await.unwrap();
    assert_eq!(served.read(&mut [0]).await.unwrap(), 0);
    host.kill();
    let error = tcp.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}
