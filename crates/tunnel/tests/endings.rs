//! How flows end: what an application sent before it was reset arrives first, in both roles.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::ErrorKind;
use std::time::Duration;

use common::{Pair, pair, pattern};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

const LIMIT: Duration = Duration::from_secs(20);

/// The client's connection, and the service's.
struct Flow {
    _pair: Pair,
    near: TcpStream,
    far: TcpStream,
}

/// A flow over a path with loss, so that the two streams overtake each other.
async fn flow() -> Flow {
    let pair = pair(2, 0.02).await;
    let (service, local) = pair.serve().await;
    let near = TcpStream::connect(local).await.unwrap();
    let (far, _) = timeout(LIMIT, service.accept()).await.unwrap().unwrap();
    Flow {
        _pair: pair,
        near,
        far,
    }
}

fn reset(tcp: TcpStream) {
    SockRef::from(&tcp)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(tcp);
}

/// Read to the end; what came, and whether it ended by a reset.
async fn read_end(tcp: &mut TcpStream) -> (Vec<u8>, bool) {
    let mut got = Vec::new();
    let end = timeout(LIMIT, tcp.read_to_end(&mut got)).await.unwrap();
    let is_reset = end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset);
    (got, is_reset)
}

/// One side sends and resets, the other one reads.
async fn check_reset_after(mut sender: TcpStream, mut reader: TcpStream, len: usize) {
    let sent = pattern(len);
    let expected = sent.clone();
    let sending = tokio::spawn(async move {
        sender.write_all(&sent).await.unwrap();
        // A close would purge what our kernel still holds: the peer's has to have it.
        wait_sent(&sender).await;
        reset(sender);
    });
    let (got, is_reset) = read_end(&mut reader).await;
    assert_eq!(got.len(), expected.len());
    assert!(got == expected);
    assert!(is_reset);
    sending.await.unwrap();
}

async fn wait_sent(tcp: &TcpStream) {
    let ports = format!(
        "{:04X} 0100007F:{:04X}",
        tcp.local_addr().unwrap().port(),
        tcp.peer_addr().unwrap().port()
    );
    loop {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let row = table.lines().find(|row| row.contains(&ports)).unwrap();
        if row.contains(" 00000000:") {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn bytes_before_a_reset_of_the_service_arrive() {
    for len in [0, 1, 65_536, 3_000_000] {
        let flow = flow().await;
        check_reset_after(flow.far, flow.near, len).await;
    }
}

#[tokio::test]
async fn bytes_before_a_reset_of_the_client_arrive() {
    for len in [0, 1, 65_536, 3_000_000] {
        let flow = flow().await;
        check_reset_after(flow.near, flow.far, len).await;
    }
}

/// A service that refuses an upload: an HTTP 413.
async fn answer_and_close(service: TcpListener, answer: Vec<u8>) {
    let (mut tcp, _) = service.accept().await.unwrap();
    tcp.read_exact(&mut [0; 1024]).await.unwrap();
    tcp.write_all(&answer).await.unwrap();
}

#[tokio::test]
async fn an_answer_to_an_upload_that_is_not_read_arrives_whole() {
    for round in 0..10 {
        let pair = pair(1, 0.0).await;
        let (service, local) = pair.serve().await;
        let answer = pattern(60_000);
        tokio::spawn(answer_and_close(service, answer.clone()));
        let tcp = TcpStream::connect(local).await.unwrap();
        let (mut read, mut write) = tcp.into_split();
        let upload = tokio::spawn(async move {
            let _ = write.write_all(&[1; 2_000_000]).await; // which a reset may stop
            write
        });
        let mut got = Vec::new();
        let _ = timeout(LIMIT, read.read_to_end(&mut got)).await.unwrap();
        assert!(got == answer, "{} bytes in round {round}", got.len());
        drop(timeout(LIMIT, upload).await.unwrap());
    }
}

#[tokio::test]
async fn a_reset_behind_a_fin_is_noticed_at_once_and_comes_second() {
    for from_service in [true, false] {
        let flow = flow().await;
        let (mut sender, mut reader) = if from_service {
            (flow.far, flow.near)
        } else {
            (flow.near, flow.far)
        };
        sender.write_all(b"last words").await.unwrap();
        sender.shutdown().await.unwrap();
        assert_eq!(read_end(&mut reader).await, (b"last words".to_vec(), false));
        reset(sender);
        let error = async {
            loop {
                if let Some(error) = reader.take_error().unwrap() {
                    return error; // EPIPE: the reset came behind the FIN
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let error = timeout(Duration::from_secs(2), error).await.unwrap();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
}

/// As iperf3 does after each test: a client in between was refused.
#[tokio::test]
async fn a_service_that_opens_its_port_anew_is_reached() {
    let pair = pair(1, 0.0).await;
    let (service, local) = pair.serve().await;
    let address = service.local_addr().unwrap();
    drop(service);
    let mut near = TcpStream::connect(local).await.unwrap();
    near.write_all(b"are you back?").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await; // the time for which the port is closed
    let service = TcpListener::bind(address).await.unwrap();
    let (mut far, _) = timeout(LIMIT, service.accept()).await.unwrap().unwrap();
    let mut got = [0; 13];
    timeout(LIMIT, far.read_exact(&mut got))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&got, b"are you back?");
}

/// What stops reading has 5 s from the last byte that it took.
#[tokio::test]
async fn a_reset_waits_for_a_stalled_reader_but_not_for_ever() {
    let pair = pair(1, 0.0).await;
    let (service, local) = pair.serve().await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut near = socket.connect(local).await.unwrap();
    let (mut far, _) = timeout(LIMIT, service.accept()).await.unwrap().unwrap();
    near.shutdown().await.unwrap(); // no upload that could stop
    assert_eq!(far.read(&mut [0]).await.unwrap(), 0);
    far.write_all(&[5; 1_000_000]).await.unwrap();
    let began = Instant::now();
    reset(far);
    while pair.host.link.flows.count() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = began.elapsed();
    assert!(took > Duration::from_secs(4), "{took:?}");
    assert!(took < Duration::from_secs(9), "{took:?}");
    let (got, is_reset) = read_end(&mut near).await;
    assert!(got.len() < 1_000_000 && is_reset);
}
