//! UDP associations between two ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::{Pair, pair, pattern};
use port_linker_tunnel::flow::udp::host::UdpBinding;
use tokio::net::UdpSocket;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(10);

async fn serve_echo(pair: &Pair) -> SocketAddr {
    let service = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = service.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        while let Ok((len, from)) = service.recv_from(&mut buffer).await {
            service.send_to(&buffer[..len], from).await.unwrap();
        }
    });
    let key = format!("udp/{address}");
    pair.ends.services.replace(
        HashMap::from([(key.clone(), vec![address])]),
        HashMap::new(),
    );
    let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let local = socket.local_addr().unwrap();
    tokio::spawn(pair.host.udp.clone().run_binding(UdpBinding {
        id: 1,
        service: key,
        socket,
        own_user: true,
    }));
    local
}

#[tokio::test]
async fn every_size_arrives_whole() {
    let pair = pair(1, 0.0).await;
    let local = serve_echo(&pair).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut buffer = vec![0; 65_536];
    for size in [
        0, 1, 1100, 1200, 1300, 1472, 4000, 4700, 5000, 5900, 6000, 9000, 30_000, 65_507,
    ] {
        let sent = pattern(size);
        client.send_to(&sent, local).await.unwrap();
        let got = timeout(LIMIT, client.recv_from(&mut buffer)).await;
        let (len, _) = got
            .unwrap_or_else(|_| panic!("{size} bytes did not come back"))
            .unwrap();
        assert!(buffer[..len] == sent, "{size} bytes came back as {len}");
    }
}

#[tokio::test]
async fn replies_find_their_client() {
    let pair = pair(1, 0.0).await;
    let local = serve_echo(&pair).await;
    let mut clients = Vec::new();
    for n in 0..50u8 {
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.send_to(&[n; 100], local).await.unwrap();
        clients.push((n, client));
    }
    for (n, client) in clients {
        let mut buffer = [0; 200];
        let (len, _) = timeout(LIMIT, client.recv_from(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(buffer[..len], [n; 100]);
    }
    let open: u64 = pair
        .host
        .link
        .stats
        .read()
        .values()
        .map(|reading| reading.open)
        .sum();
    assert_eq!(open, 50);
    pair.host.udp.release(1);
    let open: u64 = pair
        .host
        .link
        .stats
        .read()
        .values()
        .map(|reading| reading.open)
        .sum();
    assert_eq!(open, 0);
}

#[tokio::test]
async fn a_service_that_is_not_in_the_table_gets_nothing() {
    let pair = pair(1, 0.0).await;
    let local = serve_echo(&pair).await;
    pair.ends.services.replace(HashMap::new(), HashMap::new());
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.send_to(b"x", local).await.unwrap();
    let got = timeout(Duration::from_millis(300), client.recv_from(&mut [0; 8])).await;
    assert!(got.is_err());
}
