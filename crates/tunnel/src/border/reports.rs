//! Report to Python: events, answers and counters, one JSON object a line.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Serialize;

use crate::conn::link::Link;
use crate::event::{Event, Via};
use crate::flow::stats::Stats;

/// A line to Python.
#[derive(Clone, Debug, Serialize, PartialEq)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Report {
    /// First line.
    Ready {
        v: u32,
        version: &'static str,
        pid: u32,
    },
    /// The port is open.
    Listening { port: u16, fingerprint: String },
    /// The connection is up and introduced.
    Connected { address: SocketAddr },
    /// The binding's socket has arrived; the sender may close its copy of the descriptor.
    Adopted { binding: u64 },
    /// No new connection is taken from it any more.
    Released { binding: u64 },
    /// What was sent lately was not acknowledged.
    Quiet,
    /// The peer acknowledges again.
    Heard,
    /// `via`: "udp" or "relay".
    PathChanged {
        via: &'static str,
        address: SocketAddr,
    },
    /// The connection has ended, its flows were reset.
    Closed {
        reason: &'static str,
        detail: String,
    },
    /// Counters.
    Stats(Box<StatsReport>),
    /// For the one log.
    Log {
        level: &'static str,
        message: String,
    },
    /// A command failed; `cmd` names it if it is known.
    Error {
        code: &'static str,
        detail: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        cmd: Option<&'static str>,
    },
}

/// The counters of a `stats` event. Bytes and flows by service key, the rest of the connection.
#[derive(Clone, Debug, Default, Serialize, PartialEq)]
pub struct StatsReport {
    pub services: BTreeMap<String, ServiceReport>,
    pub connection: Option<ConnectionReport>,
    /// Sends that the kernel refused: no route, or the socket's address has gone.
    pub refused_sends: u64,
    /// Packets that the peer has acknowledged: proof that both directions pass.
    pub acked_packets: u64,
}

/// One service.
#[derive(Clone, Debug, Default, Serialize, PartialEq)]
pub struct ServiceReport {
    pub up_bytes: u64,
    pub down_bytes: u64,
    pub flows_open: u64,
    pub flows_total: u64,
    pub refused: u64,
}

/// The connection, as this side sees it.
#[derive(Clone, Debug, Default, Serialize, PartialEq)]
pub struct ConnectionReport {
    pub address: String,
    pub rtt_ms: f64,
    pub cwnd_bytes: u64,
    pub mtu: u16,
    pub sent_packets: u64,
    pub lost_packets: u64,
    pub sent_bytes: u64,
    pub received_bytes: u64,
    pub congestion_events: u64,
    pub black_holes: u64,
}

/// Return the line of an event, its newline included.
pub fn encode_report(report: &Report) -> Vec<u8> {
    encode_reply(report, None)
}

/// Return the line of an answer, with the number of its question.
pub fn encode_reply(report: &Report, re: Option<u64>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Reply<'a> {
        #[serde(flatten)]
        report: &'a Report,
        #[serde(skip_serializing_if = "Option::is_none")]
        re: Option<u64>,
    }
    // Serialising to memory fails only for maps with keys that are not text; ours are text.
    let mut line = serde_json::to_vec(&Reply { report, re }).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Return the report of an event.
pub fn explain(event: Event) -> Report {
    match event {
        Event::Connected { address } => Report::Connected { address },
        Event::Quiet => Report::Quiet,
        Event::Heard => Report::Heard,
        Event::PathChanged { via, address } => {
            let via = match via {
                Via::Udp => "udp",
                Via::Relay => "relay",
            };
            Report::PathChanged { via, address }
        }
        Event::Closed { reason, detail } => Report::Closed {
            reason: reason.name(),
            detail,
        },
        Event::Note(message) => Report::Log {
            level: "warning",
            message,
        },
    }
}

/// Read all counters.
pub fn read_stats(
    link: Option<&Link>,
    stats: &Stats,
    refused_sends: u64,
    acked_packets: u64,
) -> StatsReport {
    let services = stats.read().into_iter().map(|(key, reading)| {
        let report = ServiceReport {
            up_bytes: reading.up,
            down_bytes: reading.down,
            flows_open: reading.open,
            flows_total: reading.total,
            refused: reading.refused,
        };
        (key, report)
    });
    StatsReport {
        services: services.collect(),
        connection: link.map(read_connection),
        refused_sends,
        acked_packets,
    }
}

fn read_connection(link: &Link) -> ConnectionReport {
    let stats = link.connection.stats();
    ConnectionReport {
        address: link.connection.remote_address().to_string(),
        rtt_ms: stats.path.rtt.as_secs_f64() * 1000.0,
        cwnd_bytes: stats.path.cwnd,
        mtu: stats.path.current_mtu,
        sent_packets: stats.path.sent_packets,
        lost_packets: stats.path.lost_packets,
        sent_bytes: stats.udp_tx.bytes,
        received_bytes: stats.udp_rx.bytes,
        congestion_events: stats.path.congestion_events,
        black_holes: stats.path.black_holes_detected,
    }
}

#[cfg(test)]
#[path = "reports_tests.rs"]
mod tests;
