//! Choose the settings of a connection. Numbers with a date were measured, see docs/tunnel.md.

use std::sync::Arc;
use std::time::Duration;

use quinn::congestion::ControllerFactory;
use quinn::{IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};

use crate::flow::tcp::credits::{MAX_BYTES, POOL_BYTES, START_BYTES};
use crate::flow::tcp::flows::MAX_FLOWS;
use crate::net::pulse::{Pulse, PulseFactory};

/// Large datagrams that may be under way at a time.
const MAX_LARGE_DATAGRAMS: u32 = 64;
/// Unread bytes of all streams: what the pool and every flow's start add up to. A hard end for a
/// peer that ignores its credit; never reached by one that does not.
const CONNECTION_WINDOW: u64 = POOL_BYTES + MAX_FLOWS as u64 * START_BYTES;
/// Written and not yet acknowledged, all streams: three flows of the largest window.
const SEND_WINDOW: u64 = 3 * MAX_BYTES;
/// Datagrams waiting to be sent or read; the oldest leaves first.
const DATAGRAM_BUFFER: usize = 4 * 1024 * 1024;
/// Ethernet's 1500 less IPv4 and UDP; the default leaves 20 bytes for IPv6's header.
const MTU_UPPER_BOUND: u16 = 1472;
/// Longest lease that is passed to QUIC; 62 bits of milliseconds would hold more.
const MAX_LEASE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Which congestion controller a connection uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Congestion {
    /// The project's own, for every path.
    #[default]
    Adaptive,
    /// quinn's Cubic, for comparison.
    Cubic,
    /// quinn's BBR, for comparison.
    Bbr,
}

impl Congestion {
    /// Return the controller of that name, the default without one; None for an unknown name.
    pub fn parse(name: Option<&str>) -> Option<Self> {
        match name {
            None | Some("adaptive") => Some(Self::Adaptive),
            Some("cubic") => Some(Self::Cubic),
            Some("bbr") => Some(Self::Bbr),
            Some(_) => None,
        }
    }

    fn factory(self) -> Arc<dyn ControllerFactory + Send + Sync> {
        match self {
            Self::Adaptive => Arc::new(port_linker_congestion::SteadyConfig::default()),
            Self::Cubic => Arc::new(quinn::congestion::CubicConfig::default()),
            Self::Bbr => Arc::new(quinn::congestion::BbrConfig::default()),
        }
    }
}

/// Return the transport settings of either side.
pub fn transport(lease: Duration, congestion: Congestion, pulse: Pulse) -> TransportConfig {
    let mut config = TransportConfig::default();
    let idle =
        IdleTimeout::try_from(lease.min(MAX_LEASE)).unwrap_or(VarInt::from_u32(u32::MAX).into());
    let mut mtu = MtuDiscoveryConfig::default();
    mtu.upper_bound(MTU_UPPER_BOUND);
    // What the controller counts on comes first; windows and the pulse around it are ours.
    port_linker_congestion::recommend(&mut config)
        .max_idle_timeout(Some(idle))
        .max_concurrent_bidi_streams(VarInt::from_u32(MAX_FLOWS + 1))
        .max_concurrent_uni_streams(VarInt::from_u32(MAX_LARGE_DATAGRAMS))
        .stream_receive_window(varint(MAX_BYTES))
        .receive_window(varint(CONNECTION_WINDOW))
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER))
        .datagram_send_buffer_size(DATAGRAM_BUFFER)
        .mtu_discovery_config(Some(mtu))
        .congestion_controller_factory(Arc::new(PulseFactory::new(congestion.factory(), pulse)));
    config
}

fn varint(value: u64) -> VarInt {
    VarInt::from_u64(value).unwrap_or(VarInt::MAX)
}
