//! What else of a transport the model counts on.

use crate::controller::SteadyConfig;
use quinn_proto::{MtuDiscoveryConfig, TransportConfig, VarInt};
use std::sync::Arc;

/// Bytes of one stream that may be under way. 8 MiB carry 220 Mbit/s over 300 ms and 1 Gbit/s
/// over 60 ms; a sidecar that lets windows grow with the reader sets its own.
const STREAM_WINDOW: u32 = 8 << 20;

/// Bytes of all streams together that may be under way.
const CONNECTION_WINDOW: u32 = 64 << 20;

/// Bytes that the sender keeps until they are acknowledged.
const SEND_WINDOW: u64 = 64 << 20;

/// Packets that must overtake one before it counts as lost. quinn's three take mild reordering
/// for loss; waiting for more costs microseconds at the rates where it matters.
const PACKET_THRESHOLD: u32 = 8;

/// The largest UDP payload that is tried: a 1,500 byte path with IPv4 and without options.
const MTU_MAX: u16 = 1472;

/// Installs the controller and the settings that go with it; the others stay as they are.
pub fn recommend(transport: &mut TransportConfig) -> &mut TransportConfig {
    let mut mtu = MtuDiscoveryConfig::default();
    mtu.upper_bound(MTU_MAX);
    transport
        .congestion_controller_factory(Arc::new(SteadyConfig::default()))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(SEND_WINDOW)
        .packet_threshold(PACKET_THRESHOLD)
        .mtu_discovery_config(Some(mtu))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_arrive() {
        let mut transport = TransportConfig::default();
        let shown = format!("{:?}", recommend(&mut transport));
        assert!(shown.contains("packet_threshold: 8"), "{shown}");
        assert!(shown.contains("send_window: 67108864"), "{shown}");
    }
}
