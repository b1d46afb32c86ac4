//! The events from the sidecar to Python: one JSON object a line. Border; pure.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Serialize;

/// What the sidecar tells.
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
    /// The binding's socket is in our hands; the sender may close its copy of the descriptor.
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
    // Serialising to memory fails only for maps with keys that are no text; ours are.
    let mut line = serde_json::to_vec(&Reply { report, re }).unwrap_or_default();
    line.push(b'\n');
    line
}
