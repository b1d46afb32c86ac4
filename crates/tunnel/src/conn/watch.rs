//! Keeps a connection alive and on the best path, and tells when it is not.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::life::Signs;
use super::link::Link;
use super::route::{Action, Route, Via};
use crate::event::{Event, EventsTx};
use crate::flow::udp::datagram::encode_heartbeat;
use crate::net::endpoint::{Endpoint, plain};

/// How often the path is looked at.
const TICK: Duration = Duration::from_millis(250);

/// Watch one connection until cancelled. Cancel-safe.
pub async fn run_live(endpoint: &Endpoint, link: &Link, events: &EventsTx) {
    let mut route = Route::new(Instant::now().into_std());
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut watch = Watch::new(link);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = endpoint.path.news.notified() => {}
            () = endpoint.path.rebound.notified() => {
                drop(endpoint.path.take_answers()); // to the old socket
                route.rebound(Instant::now().into_std());
            }
        }
        let now = Instant::now().into_std();
        // The target has no say: it answers to where the host's last packet came from.
        let has_relay = link.is_host && endpoint.path.has_relay();
        let mut actions: Vec<_> = route.set_relay(has_relay, now).into_iter().collect();
        if let Some(is_quiet) = endpoint.path.take_peer_word() {
            route.set_peer_quiet(is_quiet);
        }
        let peer = link.connection.remote_address();
        for (counter, from) in endpoint.path.take_answers() {
            if plain(from) == plain(peer) {
                route.answered(counter, now);
            }
        }
        actions.extend(route.tick(&read_signs(endpoint, link), now));
        for action in actions {
            carry_out(action, &mut route, endpoint, link, events);
        }
        watch.look(endpoint, link, events);
    }
}

fn read_signs(endpoint: &Endpoint, link: &Link) -> Signs {
    let stats = link.connection.stats();
    let sent = stats.frame_tx;
    // The others, ACK and CONNECTION_CLOSE, are not acknowledged or the last of all.
    let frames = sent.stream
        + sent.datagram
        + sent.ping
        + sent.reset_stream
        + sent.stop_sending
        + sent.max_data
        + sent.max_stream_data
        + sent.max_streams_bidi
        + sent.max_streams_uni
        + sent.path_challenge
        + sent.path_response
        + sent.new_connection_id
        + sent.retire_connection_id;
    Signs {
        frames,
        acked: endpoint.pulse.newest_acked(),
        sent_since: endpoint.pulse.sent_since_acked(),
        rtt: stats.path.rtt,
    }
}

fn carry_out(
    action: Action,
    route: &mut Route,
    endpoint: &Endpoint,
    link: &Link,
    events: &EventsTx,
) {
    match action {
        Action::Beat => {
            endpoint.pulse.want();
            let _ = link.connection.send_datagram(encode_heartbeat());
        }
        Action::Probe => {
            if let Some((packet, counter)) = endpoint.path.ask() {
                route.asked(counter, Instant::now().into_std());
                endpoint.send_aside(&packet, link.connection.remote_address());
            }
        }
        Action::Use(via) => {
            endpoint.path.send_by_relay(via == Via::Relay);
            let address = plain(link.connection.remote_address());
            let _ = events.send(Event::PathChanged { via, address });
        }
        Action::TellQuiet => drop(events.send(Event::Quiet)),
        Action::TellHeard => drop(events.send(Event::Heard)),
    }
}

/// Sees what quinn does by itself: the host's address changed.
struct Watch {
    peer: SocketAddr,
}

impl Watch {
    fn new(link: &Link) -> Self {
        Self {
            peer: link.connection.remote_address(),
        }
    }

    fn look(&mut self, endpoint: &Endpoint, link: &Link, events: &EventsTx) {
        let peer = link.connection.remote_address();
        if link.is_host || peer == self.peer {
            return;
        }
        self.peer = peer;
        let via = if endpoint.is_relay(peer) {
            Via::Relay
        } else {
            Via::Udp
        };
        let _ = events.send(Event::PathChanged {
            via,
            address: plain(peer),
        });
    }
}
