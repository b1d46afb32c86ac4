//! TCP flows between two ends: bytes, half-close, reset, refusal, back-pressure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::ErrorKind;
use std::time::Duration;

use common::{pair, pattern};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);
/// Of one direction whose reader has stopped: credit, our sockets, the writer's send buffer; 2.1 MB
/// at most were seen. Without small segments the last one makes it 3.9 MB, without small buffers 4.2.
const BOUND: usize = 2_800_000;

#[tokio::test]
async fn bytes_arrive_whole_both_ways_over_a_lossy_path() {
    let pair = pair(5, 0.02).await;
    let (service, local) = pair.serve().await;
    let sent = pattern(2_000_000);
    let expected = sent.clone();
    let serve = tokio::spawn(async move {
        let (mut tcp, _) = service.accept().await.unwrap();
        let mut got = vec![0; 2_000_000];
        tcp.read_exact(&mut got).await.unwrap();
        tcp.write_all(&got).await.unwrap();
    });
    let mut tcp = TcpStream::connect(local).await.unwrap();
    let (mut read, mut write) = tcp.split();
    let mut back = vec![0; expected.len()];
    let both = async { tokio::join!(write.write_all(&sent), read.read_exact(&mut back)) };
    let (wrote, got) = timeout(LIMIT, both).await.unwrap();
    wrote.unwrap();
    got.unwrap();
    assert!(back == expected);
    serve.await.unwrap();
}

#[tokio::test]
async fn a_service_that_speaks_first_is_heard() {
    let pair = pair(1, 0.0).await;
    let (service, local) = pair.serve().await;
    tokio::spawn(async move {
        let (mut tcp, _) = service.accept().await.unwrap();
        tcp.write_all(b"220 hello").await.unwrap();
    });
    let mut tcp = TcpStream::connect(local).await.unwrap();
    let mut got = Vec::new();
    timeout(LIMIT, tcp.read_to_end(&mut got))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(got, b"220 hello");
}

#[tokio::test]
async fn the_other_direction_goes_on_after_half_close() {
    let pair = pair(1, 0.0).await;
    let (service, local) = pair.serve().await;
    tokio::spawn(async move {
        let (mut tcp, _) = service.accept().await.unwrap();
        let mut got = Vec::new();
        tcp.read_to_end(&mut got).await.unwrap();
        got.reverse();
        tcp.write_all(&got).await.unwrap();
    });
    let mut tcp = TcpStream::connect(local).await.unwrap();
    tcp.write_all(b"abc").await.unwrap();
    tcp.shutdown().await.unwrap();
    let mut got = Vec::new();
    timeout(LIMIT, tcp.read_to_end(&mut got))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(got, b"cba");
}

#[tokio::test]
async fn an_end_without_a_byte_is_an_end() {
    let pair = pair(1, 0.0).await;
    let (service, local) = pair.serve().await;
    let mut tcp = TcpStream::connect(local).await.unwrap();
    tcp.shutdown().await.unwrap();
    let (mut served, _) = timeout(LIMIT, service.accept()).await.unwrap().unwrap();
    assert_eq!(
        timeout(LIMIT, served.read(&mut [0; 8]))
            .await
            .unwrap()
            .unwrap(),
        0
    );
}

/// The sidecars are done with the flow while the kernel still has bytes of it.
#[tokio::test]
async fn an_orderly_end_brings_what_the_kernel_still_holds() {
    let pair = pair(1, 0.0).await;
    let (service, local) = pair.serve().await;
    let sent = pattern(60_000); // less than our socket's buffer
    let expected = sent.clone();
    tokio::spawn(async move {
        let (mut tcp, _) = service.accept().await.unwrap();
        assert_eq!(tcp.read(&mut [0]).await.unwrap(), 0);
        tcp.write_all(&sent).await.unwrap();
    });
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut tcp = socket.connect(local).await.unwrap();
    tcp.shutdown().await.unwrap();
    let done = async {
        let stats = &pair.host.link.stats;
        while !stats
            .read()
            .values()
            .any(|one| one.total == 1 && one.open == 0)
        {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, done).await.unwrap();
    let mut got = Vec::new();
    tcp.read_to_end(&mut got).await.unwrap();
    assert!(got == expected);
}

#[tokio::test]
async fn a_reset_of_the_service_is_a_reset_here() {
    let pair = pair(1, 0.0).await;
    let (service, local) = pair.serve().await;
    let mut tcp = TcpStream::connect(local).await.unwrap();
    tcp.write_all(b"x").await.unwrap();
    let (served, _) = timeout(LIMIT, service.accept()).await.unwrap().unwrap();
    served.readable().await.unwrap();
    SockRef::from(&served)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(served);
    let error = timeout(LIMIT, tcp.read(&mut [0; 8]))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_reset_here_is_a_reset_of_the_service() {
    let pair = pair(1, 0.0).await;
    let (service, local) = pair.serve().await;
    let mut tcp = TcpStream::connect(local).await.unwrap();
    tcp.write_all(b"x").await.unwrap();
    let (mut served, _) = timeout(LIMIT, service.accept()).await.unwrap().unwrap();
    served.read_exact(&mut [0]).await.unwrap();
    SockRef::from(&tcp)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(tcp);
    let error = timeout(LIMIT, served.read(&mut [0; 8]))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_refused_port_resets_the_local_connection() {
    let pair = pair(1, 0.0).await;
    let (service, local) = pair.serve().await;
    drop(service);
    let mut tcp = TcpStream::connect(local).await.unwrap();
    let error = timeout(LIMIT, tcp.read(&mut [0; 8]))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let refused: u64 = pair
        .host
        .link
        .stats
        .read()
        .values()
        .map(|reading| reading.refused)
        .sum();
    assert_eq!(refused, 1);
}

#[tokio::test]
async fn only_services_of_the_table_are_dialled() {
    let pair = pair(1, 0.0).await;
    let local = pair.bind("tcp/127.0.0.1:22", vec![]).await;
    let mut tcp = TcpStream::connect(local).await.unwrap();
    let error = timeout(LIMIT, tcp.read(&mut [0; 8]))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn dropped_flows_are_reset_on_both_sides() {
    let pair = pair(1, 0.0).await;
    let (service, local) = pair.serve().await;
    let mut tcp = TcpStream::connect(local).await.unwrap();
    tcp.write_all(b"x").await.unwrap();
    let (mut served, _) = timeout(LIMIT, service.accept()).await.unwrap().unwrap();
    served.read_exact(&mut [0]).await.unwrap();
    pair.host.link.flows.reset(None);
    assert!(
        timeout(LIMIT, tcp.read(&mut [0; 8]))
            .await
            .unwrap()
            .is_err()
    );
    assert!(
        timeout(LIMIT, served.read(&mut [0; 8]))
            .await
            .unwrap()
            .is_err()
    );
    while pair.host.link.flows.count() > 0 {
        tokio::task::yield_now().await;
    }
}

/// Readers that have stopped hold their own flows only.
#[tokio::test]
async fn stalled_flows_do_not_stop_their_neighbour() {
    let pair = pair(1, 0.0).await;
    let (service, local) = pair.serve().await;
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = service.accept().await {
            tokio::spawn(async move {
                let mut left = 64;
                while left > 0 && tcp.write_all(&[5; 256 * 1024]).await.is_ok() {
                    left -= 1;
                }
            });
        }
    });
    let mut stalled = Vec::new();
    for _ in 0..40 {
        let mut tcp = TcpStream::connect(local).await.unwrap();
        SockRef::from(&tcp).set_recv_buffer_size(4096).unwrap();
        tcp.read_exact(&mut [0]).await.unwrap();
        stalled.push(tcp);
    }
    let mut tcp = TcpStream::connect(local).await.unwrap();
    let mut got = vec![0; 64 * 256 * 1024];
    timeout(2 * LIMIT, tcp.read_exact(&mut got))
        .await
        .unwrap()
        .unwrap();
    assert!(got.iter().all(|byte| *byte == 5));
}

/// How much a writer gets rid of while nobody reads.
async fn fill(tcp: &mut TcpStream) -> usize {
    let block = vec![0; 64 * 1024];
    let mut total = 0;
    while let Ok(written) = timeout(Duration::from_millis(500), tcp.write(&block)).await {
        total += written.unwrap();
    }
    total
}

#[tokio::test]
async fn the_kernels_hold_little_of_a_flow_that_nobody_reads() {
    let pair = pair(1, 0.0).await;
    let (service, local) = pair.serve().await;
    let _first = TcpStream::connect(local).await.unwrap(); // by then the binding is set up
    timeout(LIMIT, service.accept()).await.unwrap().unwrap();
    let mut tcp = TcpStream::connect(local).await.unwrap();
    let (mut served, _) = timeout(LIMIT, service.accept()).await.unwrap().unwrap();
    let (down, up) = tokio::join!(fill(&mut served), fill(&mut tcp));
    assert!(down < BOUND && up < BOUND, "{down} down, {up} up");
}
