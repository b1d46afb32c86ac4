//! Flows outlive silence, a change of address, and a network that drops UDP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::os::unix::net::UnixDatagram as StdDatagram;
use std::sync::Arc;
use std::time::Duration;

use common::{HOST, Pair, TARGET, pair, pattern, wait_event};
use port_linker_tunnel::event::Event;
use port_linker_tunnel::event::Via;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpStream, UnixDatagram};
use tokio::time::{Instant, sleep, timeout};

/// An echo flow with a bulk transfer under way in both directions when `trouble` happens.
async fn carry_through<T>(
    pair: &mut Pair,
    trouble: impl AsyncFnOnce(&mut Pair) -> T,
) -> (T, Duration) {
    let (service, local) = pair.serve().await;
    tokio::spawn(async move {
        let (tcp, _) = service.accept().await.unwrap();
        let (mut read, mut write) = tcp.into_split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    });
    let (mut read, mut write) = TcpStream::connect(local).await.unwrap().into_split();
    let sent = Arc::new(pattern(3_000_000));
    let bytes = sent.clone();
    let writer = tokio::spawn(async move { write.write_all(&bytes).await.map(|()| write) });
    let mut got = vec![0; 200_000];
    read.read_exact(&mut got).await.unwrap();
    let result = trouble(pair).await;
    let since = Instant::now();
    let mut rest = vec![0; sent.len() - got.len()];
    read.read_exact(&mut rest[..1]).await.unwrap();
    let resumed = since.elapsed();
    read_patiently(&mut read, &mut rest[1..]).await;
    got.extend(rest);
    assert!(got == *sent);
    drop(writer.await.unwrap().unwrap());
    (result, resumed)
}

/// Fill the buffer. The kernel's TCP lives in real time and may need some of it (a window probe)
/// while the paused clock runs ahead, so each second of silence is given a moment.
async fn read_patiently(read: &mut OwnedReadHalf, buffer: &mut [u8]) {
    let (mut filled, mut silence) = (0, 0);
    while filled < buffer.len() {
        match timeout(Duration::from_secs(1), read.read(&mut buffer[filled..])).await {
            Ok(count) => filled += count.unwrap(),
            Err(_) => {
                silence += 1;
                assert!(silence < 300, "stuck after {filled} bytes");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

async fn black_out(pair: &mut Pair, seconds: u64) {
    pair.ends.network.set_dark(true);
    sleep(Duration::from_secs(seconds)).await;
    pair.ends.network.set_dark(false);
}

#[tokio::test(start_paused = true)]
async fn a_flow_goes_on_after_a_minute_of_blackout() {
    let mut pair = pair(30, 0.0).await;
    let (_, resumed) = carry_through(&mut pair, async |pair| black_out(pair, 60).await).await;
    assert!(resumed < Duration::from_secs(3), "{resumed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_flow_goes_on_after_half_an_hour_of_blackout() {
    let mut pair = pair(30, 0.0).await;
    let (_, resumed) = carry_through(&mut pair, async |pair| black_out(pair, 1800).await).await;
    assert!(resumed < Duration::from_secs(3), "{resumed:?}");
}

#[tokio::test(start_paused = true)]
async fn silence_is_told_within_three_seconds_of_the_first_lost_packet_and_its_end_too() {
    let mut pair = pair(30, 0.0).await;
    sleep(Duration::from_secs(30)).await;
    pair.ends.network.set_dark(true);
    let since = Instant::now();
    let (mut send, _recv) = pair.host.link.connection.open_bi().await.unwrap();
    send.write_all(b"x").await.unwrap();
    wait_event(&mut pair.ends.host_events, |event| *event == Event::Quiet).await;
    assert!(since.elapsed() < Duration::from_secs(3));
    pair.ends.network.set_dark(false);
    wait_event(&mut pair.ends.host_events, |event| *event == Event::Heard).await;
}

async fn quiet_s(pair: &mut Pair) -> f64 {
    let since = Instant::now();
    let wait = wait_event(&mut pair.ends.host_events, |event| *event == Event::Quiet);
    timeout(Duration::from_secs(30), wait)
        .await
        .expect("silence is told");
    since.elapsed().as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn silence_is_told_though_the_other_direction_passes() {
    for dark in [HOST, TARGET] {
        let mut pair = pair(30, 0.0).await;
        sleep(Duration::from_secs(30)).await;
        pair.ends.network.set_dark_to(Some(dark));
        pair.host
            .link
            .connection
            .open_bi()
            .await
            .unwrap()
            .0
            .write_all(b"x")
            .await
            .unwrap();
        assert!(quiet_s(&mut pair).await < 2.6, "dark to {dark}");
        // The target notices as well.
        wait_event(&mut pair.ends.target_events, |event| *event == Event::Quiet).await;
        pair.ends.network.set_dark_to(None);
        wait_event(&mut pair.ends.host_events, |event| *event == Event::Heard).await;
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_told_in_time_right_after_the_start_as_well() {
    for settle_ms in [0, 25, 100, 240, 260] {
        let mut pair = pair(1, 0.0).await;
        sleep(Duration::from_millis(settle_ms)).await;
        pair.ends.network.set_dark_to(Some(TARGET));
        let (mut send, _recv) = pair.host.link.connection.open_bi().await.unwrap();
        send.write_all(b"x").await.unwrap();
        let took_s = quiet_s(&mut pair).await;
        assert!(took_s < 2.6, "{took_s} s after {settle_ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn forged_packets_are_no_sign_of_life() {
    let mut pair = pair(30, 0.0).await;
    sleep(Duration::from_secs(30)).await;
    let network = pair.ends.network.clone();
    let mut forged = network.seen(HOST);
    let real = forged.clone();
    let tag = forged.len() - 1;
    forged[tag] ^= 1; // the connection id is right, nothing else is
    network.set_dark(true);
    let noise = tokio::spawn(async move {
        loop {
            network.inject(TARGET, HOST, forged.clone());
            network.inject(TARGET, HOST, real.clone()); // and a replay
            sleep(Duration::from_millis(500)).await;
        }
    });
    assert!(quiet_s(&mut pair).await < 4.6); // an idle connection asks every 2 s
    noise.abort();
}

#[tokio::test(start_paused = true)]
async fn what_the_target_says_moves_the_host_to_the_relay() {
    let mut pair = pair(30, 0.0).await;
    join_relays(&pair);
    pair.ends.host.path.set_peer_quiet(true);
    let is_relay = |e: &Event| {
        matches!(
            e,
            Event::PathChanged {
                via: Via::Relay,
                ..
            }
        )
    };
    wait_event(&mut pair.ends.host_events, is_relay).await;
    let is_back = |e: &Event| matches!(e, Event::PathChanged { via: Via::Udp, .. });
    wait_event(&mut pair.ends.host_events, is_back).await;
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_peace_tells_nothing() {
    let mut pair = pair(30, 0.02).await;
    sleep(Duration::from_secs(3600)).await;
    assert!(pair.ends.host_events.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_flow_goes_on_from_another_address() {
    let mut pair = pair(30, 0.0).await;
    let (_, resumed) = carry_through(&mut pair, async |pair| {
        let network = &pair.ends.network;
        network.forget(HOST);
        sleep(Duration::from_secs(2)).await;
        pair.ends
            .host
            .rebind_with(network.socket("10.7.7.7:7"))
            .unwrap();
    })
    .await;
    assert!(resumed < Duration::from_secs(1), "{resumed:?}");
    let changed = |event: &Event| matches!(event, Event::PathChanged { via: Via::Udp, .. });
    wait_event(&mut pair.ends.target_events, changed).await;
}

/// Both relays, joined as Python joins them over the stdio link.
fn join_relays(pair: &Pair) {
    let (host, target) = StdDatagram::pair().unwrap();
    for (end, endpoint) in [(host, &pair.ends.host), (target, &pair.ends.target)] {
        end.set_nonblocking(true).unwrap();
        endpoint
            .path
            .set_relay(Some(UnixDatagram::from_std(end).unwrap()));
    }
}

#[tokio::test(start_paused = true)]
async fn without_udp_the_flow_goes_on_by_the_relay_and_comes_back() {
    let mut pair = pair(30, 0.0).await;
    join_relays(&pair);
    let (_, resumed) =
        carry_through(&mut pair, async |pair| pair.ends.network.set_dark(true)).await;
    assert!(resumed < Duration::from_secs(3), "{resumed:?}");
    let relayed = |event: &Event| {
        matches!(
            event,
            Event::PathChanged {
                via: Via::Relay,
                ..
            }
        )
    };
    wait_event(&mut pair.ends.host_events, relayed).await;
    wait_event(&mut pair.ends.target_events, relayed).await;
    pair.ends.network.set_dark(false);
    let direct = Event::PathChanged {
        via: Via::Udp,
        address: TARGET.parse().unwrap(),
    };
    wait_event(&mut pair.ends.host_events, |event| *event == direct).await;
    wait_event(&mut pair.ends.target_events, |e| {
        matches!(e, Event::PathChanged { via: Via::Udp, .. })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_new_socket_after_a_sleep_is_used_at_once_though_the_relay_was_in_use() {
    let mut pair = pair(30, 0.0).await;
    let (_mute, relay) = StdDatagram::pair().unwrap(); // ssh is as dead as the NAT's memory
    relay.set_nonblocking(true).unwrap();
    let relay = UnixDatagram::from_std(relay).unwrap();
    pair.ends.host.path.set_relay(Some(relay));
    let (took, _) = carry_through(&mut pair, async |pair| {
        pair.ends.network.forget(HOST);
        black_out(pair, 6).await;
        let socket = pair.ends.network.socket("10.7.7.7:7");
        pair.ends.host.rebind_with(socket).unwrap();
        let since = Instant::now();
        for expected in [Via::Relay, Via::Udp] {
            let is_it = |e: &Event| matches!(e, Event::PathChanged { via, .. } if *via == expected);
            wait_event(&mut pair.ends.host_events, is_it).await;
        }
        since.elapsed()
    })
    .await;
    assert!(took < Duration::from_millis(200), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_peer_is_reported() {
    let mut pair = pair(10, 0.0).await;
    pair.ends.target.quic.close(0u32.into(), b"");
    wait_event(&mut pair.ends.host_events, |event| {
        matches!(event, Event::Closed { .. })
    })
    .await;
}
