//! Keep a connection alive and on the best path, and report when it is silent.

use std::net::SocketAddr;
use std::time::Duration;

use quinn::Connection;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::life::Signs;
use super::route::{Action, Route};
use crate::event::{Event, EventsTx, Via};
use crate::flow::udp::datagram::encode_heartbeat;
use crate::net::addresses::plain;
use crate::net::endpoint::Endpoint;

/// How often the path is looked at.
const TICK: Duration = Duration::from_millis(250);

/// Watch one connection until cancelled. Cancel-safe.
pub async fn run_watch(
    endpoint: &Endpoint,
    connection: &Connection,
    is_host: bool,
    events: &EventsTx,
) {
    let mut route = Route::new(Instant::now().into_std());
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut peer = connection.remote_address();
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
        // Only the host chooses: the target answers to where the host's last packet came from.
        let has_relay = is_host && endpoint.path.has_relay();
        let mut actions: Vec<_> = route.set_relay(has_relay, now).into_iter().collect();
        if let Some(is_quiet) = endpoint.path.take_peer_report() {
            route.set_peer_quiet(is_quiet);
        }
        let remote = connection.remote_address();
        for (counter, from) in endpoint.path.take_answers() {
            if plain(from) == plain(remote) {
                route.answered(counter, now);
            }
        }
        actions.extend(route.tick(&read_signs(endpoint, connection), now));
        for action in actions {
            carry_out(action, &mut route, endpoint, connection, events);
        }
        if !is_host {
            report_moved(&mut peer, endpoint, connection, events);
        }
    }
}

fn read_signs(endpoint: &Endpoint, connection: &Connection) -> Signs {
    let stats = connection.stats();
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
    connection: &Connection,
    events: &EventsTx,
) {
    match action {
        Action::Beat => {
            endpoint.pulse.want();
            let _ = connection.send_datagram(encode_heartbeat());
        }
        Action::Probe => {
            if let Some((packet, counter)) = endpoint.path.ask() {
                route.asked(counter, Instant::now().into_std());
                endpoint.send_aside(&packet, connection.remote_address());
            }
        }
        Action::Use(via) => {
            endpoint.path.send_by_relay(via == Via::Relay);
            let address = plain(connection.remote_address());
            let _ = events.send(Event::PathChanged { via, address });
        }
        Action::ReportQuiet => drop(events.send(Event::Quiet)),
        Action::ReportHeard => drop(events.send(Event::Heard)),
    }
}

/// Target: report that the host's address changed, which quinn follows by itself.
fn report_moved(
    peer: &mut SocketAddr,
    endpoint: &Endpoint,
    connection: &Connection,
    events: &EventsTx,
) {
    let remote = connection.remote_address();
    if remote == *peer {
        return;
    }
    *peer = remote;
    let via = if endpoint.is_relay(remote) {
        Via::Relay
    } else {
        Via::Udp
    };
    let address = plain(remote);
    let _ = events.send(Event::PathChanged { via, address });
}
