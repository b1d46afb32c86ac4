//! Host: find the address that answers, connect, and introduce this side.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::{ClientConfig, ConnectionId};
use tokio::time::{sleep, timeout};

use super::control_stream::{ControlStream, Introduction, MAX_PEER_ADDRESSES};
use super::link::{Link, Side, run_link};
use super::tls::{Identity, SERVER_NAME, client_config};
use super::transport::{Congestion, transport};
use crate::error::LinkError;
use crate::event::EventsTx;
use crate::flow::stats::Stats;
use crate::flow::udp::host::HostUdp;
use crate::net::addresses::{in_family, is_unicast, plain};
use crate::net::endpoint::Endpoint;
use crate::net::probe::Prober;

/// Questions to each address, and the pauses between them: 3.1 s in all.
const PAUSES_MS: [u64; 5] = [100, 200, 400, 800, 1600];
/// A handshake takes two round trips at worst.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);

/// A host's link that is up.
pub struct HostLink {
    /// Flows and counters.
    pub link: Arc<Link>,
    /// UDP associations.
    pub udp: Arc<HostUdp>,
    /// The address that answered.
    pub address: SocketAddr,
}

/// Connect to the target. The link then runs in the background, and its end is sent as an event.
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
    let control = ControlStream::open(&connection, introduction.secret).await?;
    let link = Link::new(connection, true, Arc::new(Stats::default()));
    let udp = HostUdp::new(link.carrier.clone());
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

/// Return the first address that answers a probe.
async fn find_address(
    endpoint: &Endpoint,
    addresses: &[SocketAddr],
) -> Result<SocketAddr, LinkError> {
    let mut asked = HashMap::new();
    for pause_ms in PAUSES_MS {
        for address in addresses
            .iter()
            .filter(|a| is_unicast(a))
            .take(MAX_PEER_ADDRESSES)
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
