//! Who gets in, and who does not even get an answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{Ends, HOST, TARGET, wait_event};
use port_linker_tunnel::conn::tls::Identity;
use port_linker_tunnel::event::Event;
use tokio::time::timeout;

#[tokio::test(start_paused = true)]
async fn the_announced_host_gets_in() {
    let mut ends = Ends::new(10, 0.0);
    ends.introduce(&ends.to_target());
    ends.connect(&ends.to_host()).await.unwrap();
    let event = wait_event(&mut ends.target_events, |_| true).await;
    assert_eq!(
        event,
        Event::Connected {
            address: HOST.parse().unwrap()
        }
    );
}

#[tokio::test(start_paused = true)]
async fn a_target_that_was_told_of_nobody_stays_silent() {
    let ends = Ends::new(10, 0.0);
    let error = ends.connect(&ends.to_host()).await.err().unwrap();
    assert_eq!(error.code, "unreachable");
    let probes = 5;
    assert_eq!(ends.network.carried(), probes);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_pin_of_the_target_ends_the_handshake() {
    let ends = Ends::new(10, 0.0);
    ends.introduce(&ends.to_target());
    let mut introduction = ends.to_host();
    introduction.fingerprint = Identity::generate().unwrap().fingerprint();
    assert_eq!(
        ends.connect(&introduction).await.err().unwrap().code,
        "handshake"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wrong_pin_of_the_host_ends_it_too() {
    let ends = Ends::new(10, 0.0);
    let mut introduction = ends.to_target();
    introduction.fingerprint = Identity::generate().unwrap().fingerprint();
    ends.introduce(&introduction);
    let error = ends.connect(&ends.to_host()).await.err().unwrap();
    assert!(
        ["handshake", "introduction"].contains(&error.code),
        "{error}"
    );
    assert!(error.detail.contains("certificate"), "{error}");
    assert!(ends.waiting.link().is_none());
}

#[tokio::test(start_paused = true)]
async fn another_connection_id_is_not_answered() {
    let ends = Ends::new(10, 0.0);
    ends.introduce(&ends.to_target());
    let mut introduction = ends.to_host();
    introduction.connection_id = [1; 16];
    let error = ends.connect(&introduction).await.err().unwrap();
    assert_eq!(error.code, "handshake");
    assert!(error.detail.contains("no answer"));
}

#[tokio::test(start_paused = true)]
async fn an_introduction_is_good_for_one_connection() {
    let ends = Ends::new(10, 0.0);
    ends.introduce(&ends.to_target());
    ends.connect(&ends.to_host()).await.unwrap();
    let again = timeout(Duration::from_secs(30), ends.connect(&ends.to_host()))
        .await
        .unwrap();
    assert_eq!(again.err().unwrap().code, "handshake");
}

#[tokio::test(start_paused = true)]
async fn a_replayed_secret_is_refused_even_with_a_fresh_id() {
    let ends = Ends::new(10, 0.0);
    ends.introduce(&ends.to_target());
    ends.connect(&ends.to_host()).await.unwrap();
    ends.target.path.gate.announce([3; 16]);
    let mut introduction = ends.to_host();
    introduction.connection_id = [3; 16];
    let again = ends.connect(&introduction).await;
    assert_eq!(again.err().unwrap().code, "introduction");
}

#[tokio::test(start_paused = true)]
async fn garbage_is_not_answered_and_does_not_stop_the_host() {
    let ends = Ends::new(10, 0.0);
    ends.introduce(&ends.to_target());
    let stranger: SocketAddr = "10.9.9.9:9".parse().unwrap();
    let to = TARGET.parse().unwrap();
    let _inbox = ends.network.socket("10.9.9.9:9");
    let mut initial = vec![0xc0, 0, 0, 0, 1, 8];
    initial.resize(1200, 0x11);
    for n in 0..1000usize {
        ends.network.send(stranger, to, vec![n as u8; 1 + n % 1400]);
        ends.network.send(stranger, to, initial.clone());
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(ends.network.carried(), 2000);
    ends.connect(&ends.to_host()).await.unwrap();
}
