//! The host's side: find the address that answers, connect, introduce ourselves.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::{ClientConfig, ConnectionId};
use tokio::time::{sleep, timeout};

use super::control_stream::ControlStream;
use super::link::Link;
use super::run::{Side, run_link};
use super::tls::{Fingerprint, Identity, SERVER_NAME, client_config};
use super::transport::{Congestion, transport};
use crate::error::LinkError;
use crate::event::EventsTx;
use crate::flow::stats::Stats;
use crate::flow::udp::host::HostUdp;
use crate::net::endpoint::{Endpoint, in_family, plain};
use crate::net::gate::ANNOUNCED_ID_BYTES;
use crate::net::probe::Prober;

/// Addresses of a target that are tried.
pub const MAX_ADDRESSES: usize = 8;
/// Questions to each address, and the pauses between them: 3.1 s in all.
const PAUSES_MS: [u64; 5] = [100, 200, 400, 800, 1600];
/// A handshake takes two round trips at worst.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);

/// What was exchanged over SSH.
#[derive(Clone)]
pub struct Introduction {
    /// Of the peer's certificate.
    pub fingerprint: Fingerprint,
    /// The one-time secret.
    pub secret: [u8; 32],
    /// Of the first packet.
    pub connection_id: [u8; ANNOUNCED_ID_BYTES],
    /// Where the peer may be.
    pub addresses: Vec<SocketAddr>,
    /// How long the connection outlives silence.
    pub lease: Duration,
}

/// A host's link that is up.
pub struct HostLink {
    /// Flows and counters.
    pub link: Arc<Link>,
    /// UDP associations.
    pub udp: Arc<HostUdp>,
    /// The address that answered.
    pub address: SocketAddr,
}

/// Connect to the target. The link runs in the background from then on and tells its end.
pub async fn connect(
    endpoint: &Arc<Endpoint>,
    identity: &Identity,
    introduction: &Introduction,
    congestion: Congestion,
    events: EventsTx,
) -> Result<HostLink, LinkError> {
    endpoint.path.set_prober(Prober::new(&introduction.secret));
    let address = find_address(endpoint, &introduction.addresses).await?;
    let connection = handshake(endpoint, identity, introduction, congestion, address).await?;
    let control = ControlStream::introduce(&connection, introduction.secret).await?;
    let link = Link::new(connection, true, Arc::new(Stats::default()));
    let udp = HostUdp::new(link.clone());
    let side = Side::Host(udp.clone());
    tokio::spawn(run_link(
        endpoint.clone(),
        link.clone(),
        side,
        control,
        events,
    ));
    Ok(HostLink {
        link,
        udp,
        address: plain(address),
    })
}

/// The first address that answers a probe.
async fn find_address(
    endpoint: &Endpoint,
    addresses: &[SocketAddr],
) -> Result<SocketAddr, LinkError> {
    let mut asked = HashMap::new();
    for pause_ms in PAUSES_MS {
        for address in addresses
            .iter()
            .filter(|a| is_unicast(a))
            .take(MAX_ADDRESSES)
        {
            if let Some((packet, counter)) = endpoint.path.ask() {
                endpoint.send_aside(&packet, *address);
                asked.insert(counter, *address);
            }
        }
        tokio::select! {
            address = wait_answer(endpoint, &asked) => return Ok(address),
            () = sleep(Duration::from_millis(pause_ms)) => {}
        }
    }
    Err(LinkError::new(
        "unreachable",
        "no address of the target answered over UDP",
    ))
}

/// Neither broadcast nor multicast nor unspecified: a target must not choose whom we flood.
fn is_unicast(address: &SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    let is_broadcast = matches!(ip, std::net::IpAddr::V4(v4) if v4.is_broadcast());
    !ip.is_multicast() && !ip.is_unspecified() && !is_broadcast && address.port() != 0
}

async fn wait_answer(endpoint: &Endpoint, asked: &HashMap<u64, SocketAddr>) -> SocketAddr {
    loop {
        for (counter, from) in endpoint.path.take_answers() {
            // The answer must come from where the question went: QUIC's packets will, too.
            if let Some(address) = asked.get(&counter)
                && plain(from) == plain(*address)
            {
                return *address;
            }
        }
        endpoint.path.news.notified().await;
    }
}

async fn handshake(
    endpoint: &Endpoint,
    identity: &Identity,
    introduction: &Introduction,
    congestion: Congestion,
    address: SocketAddr,
) -> Result<quinn::Connection, LinkError> {
    let crypto = client_config(identity, introduction.fingerprint)?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    let id = introduction.connection_id;
    config.initial_dst_cid_provider(Arc::new(move || ConnectionId::new(&id)));
    config.transport_config(Arc::new(transport(
        introduction.lease,
        congestion,
        endpoint.pulse.clone(),
    )));
    let is_ipv6 = endpoint
        .quic
        .local_addr()
        .is_ok_and(|local| local.is_ipv6());
    let address = in_family(address, is_ipv6);
    endpoint.path.set_peer(address);
    let connecting = endpoint
        .quic
        .connect_with(config, address, SERVER_NAME)
        .map_err(|error| LinkError::new("handshake", error))?;
    match timeout(HANDSHAKE_LIMIT, connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(LinkError::new("handshake", error)),
        Err(_) => Err(LinkError::new("handshake", "no answer within 5 s")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_machine_is_ever_asked() {
        for bad in [
            "255.255.255.255:1",
            "224.0.0.1:1",
            "0.0.0.0:1",
            "[ff02::1]:1",
            "[::]:1",
            "1.2.3.4:0",
        ] {
            assert!(!is_unicast(&bad.parse().unwrap()), "{bad}");
        }
        assert!(is_unicast(&"10.0.0.1:60000".parse().unwrap()));
        assert!(is_unicast(&"[fe80::1]:60000".parse().unwrap()));
    }
}
