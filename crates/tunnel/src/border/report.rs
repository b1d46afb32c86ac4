//! Turns what happened, and the counters, into the vocabulary. Border.

use super::control::{Command, ConnectionReport, Report, ServiceReport, StatsReport};
use crate::conn::link::Link;
use crate::conn::route::Via;
use crate::conn::transport::Congestion;
use crate::event::Event;
use crate::flow::stats::Stats;

impl Command {
    /// The command's word in the vocabulary.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Start(_) => "start",
            Self::Peer(_) => "peer",
            Self::Adopt { .. } => "adopt",
            Self::Release { .. } => "release",
            Self::Services { .. } => "services",
            Self::Door { .. } => "door",
            Self::Enter { .. } => "enter",
            Self::ResetFlows { .. } => "reset_flows",
            Self::Rebind => "rebind",
            Self::Path { .. } => "path",
            Self::PeerQuiet { .. } => "peer_quiet",
            Self::Stats => "stats",
            Self::Shutdown => "shutdown",
        }
    }
}

impl Congestion {
    /// The controller of a word in the vocabulary; None for one that is not.
    pub fn parse(word: Option<&str>) -> Option<Self> {
        match word {
            None | Some("adaptive") => Some(Self::Adaptive),
            Some("cubic") => Some(Self::Cubic),
            Some("bbr") => Some(Self::Bbr),
            Some(_) => None,
        }
    }
}

/// The report of an event.
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
