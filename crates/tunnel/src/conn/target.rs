//! Target: wait on one UDP port for the announced host, and answer nobody else.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use quinn::{Incoming, ServerConfig};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::control_stream::{ControlStream, Introduction, MAX_PEER_ADDRESSES};
use super::link::{Link, Side, run_link};
use super::tls::{Identity, server_config};
use super::transport::{Congestion, transport};
use crate::error::{CloseReason, LinkError};
use crate::event::{Event, EventsTx};
use crate::flow::owner::OwnerCheck;
use crate::flow::services::Services;
use crate::flow::stats::Stats;
use crate::flow::udp::target::TargetUdp;
use crate::lock::lock;
use crate::net::addresses::plain;
use crate::net::endpoint::Endpoint;
use crate::net::probe::Prober;

/// Handshakes at a time.
const MAX_HANDSHAKES: usize = 4;
/// And how long each may take.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// Packets to each of the host's addresses that open a stateful firewall on our side.
const OPENERS: u32 = 5;
const OPENER_PAUSE: Duration = Duration::from_millis(400);

/// A target's link that is up.
#[derive(Clone)]
pub struct TargetLink {
    /// Flows and counters.
    pub link: Arc<Link>,
    /// UDP associations.
    pub udp: Arc<TargetUdp>,
}

/// A target that waits for its host, or has it.
pub struct Target {
    endpoint: Arc<Endpoint>,
    services: Arc<Services>,
    stats: Arc<Stats>,
    secret: Mutex<Option<[u8; 32]>>,
    link: Mutex<Option<TargetLink>>,
    events: EventsTx,
}

impl Target {
    /// Start waiting. Nobody gets in before `introduce`.
    pub fn new(
        endpoint: Arc<Endpoint>,
        services: Arc<Services>,
        stats: Arc<Stats>,
        events: EventsTx,
    ) -> Arc<Self> {
        let target = Arc::new(Self {
            endpoint,
            services,
            stats,
            secret: Mutex::default(),
            link: Mutex::default(),
            events,
        });
        tokio::spawn(run_accept(target.clone()));
        target
    }

    /// Let one host in, and send first, so that a firewall on our side lets its packets pass.
    pub fn introduce(
        &self,
        identity: &Identity,
        introduction: &Introduction,
        congestion: Congestion,
    ) -> Result<(), LinkError> {
        let crypto = server_config(identity, introduction.fingerprint)?;
        let mut config = ServerConfig::with_crypto(Arc::new(crypto));
        let pulse = self.endpoint.pulse.clone();
        config
            .migration(true)
            .max_incoming(MAX_HANDSHAKES)
            .transport_config(Arc::new(transport(introduction.lease, congestion, pulse)));
        self.endpoint.quic.set_server_config(Some(config));
        self.endpoint
            .path
            .set_prober(Prober::new(&introduction.secret));
        *lock(&self.secret) = Some(introduction.secret);
        self.endpoint.path.gate.announce(introduction.connection_id);
        tokio::spawn(run_openers(
            self.endpoint.clone(),
            introduction.addresses.clone(),
        ));
        Ok(())
    }

    /// Return the link, once the host is in.
    pub fn link(&self) -> Option<TargetLink> {
        lock(&self.link).clone()
    }
}

async fn run_openers(endpoint: Arc<Endpoint>, addresses: Vec<SocketAddr>) {
    for _ in 0..OPENERS {
        for address in addresses.iter().take(MAX_PEER_ADDRESSES) {
            if let Some((packet, _)) = endpoint.path.ask() {
                endpoint.send_aside(&packet, *address);
            }
        }
        tokio::time::sleep(OPENER_PAUSE).await;
    }
}

async fn run_accept(target: Arc<Target>) {
    let places = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    while let Some(incoming) = target.endpoint.quic.accept().await {
        let Ok(place) = places.clone().try_acquire_owned() else {
            incoming.ignore();
            continue;
        };
        let target = target.clone();
        tokio::spawn(async move {
            if let Err(error) = run_incoming(&target, incoming).await {
                let _ = target.events.send(Event::Note(error.to_string()));
            }
            drop(place);
        });
    }
}

/// Run one handshake and introduction; the id of the first packet is used up either way.
async fn run_incoming(target: &Arc<Target>, incoming: Incoming) -> Result<(), LinkError> {
    let id = incoming.orig_dst_cid();
    let connected = timeout(HANDSHAKE_LIMIT, incoming).await;
    target.endpoint.path.gate.consume(&id);
    let connection = connected
        .map_err(|_| LinkError::new("handshake", "not finished within 5 s"))?
        .map_err(|error| LinkError::new("handshake", error))?;
    // Taken whether right or wrong: a second try needs a second introduction over SSH.
    let secret = lock(&target.secret).take();
    let control = match secret {
        Some(secret) => ControlStream::accept(&connection, &secret).await,
        None => Err(LinkError::new("wrong-secret", "the secret was used before")),
    };
    let control = control.inspect_err(|error| {
        connection.close(CloseReason::WrongSecret.code(), error.code.as_bytes());
    })?;
    start(target, connection, control);
    Ok(())
}

fn start(target: &Arc<Target>, connection: quinn::Connection, control: ControlStream) {
    let address = plain(connection.remote_address());
    let link = Link::new(connection, false, target.stats.clone());
    let owners = Arc::new(OwnerCheck::new(target.events.clone()));
    let udp = TargetUdp::new(link.carrier.clone(), target.services.clone(), owners);
    *lock(&target.link) = Some(TargetLink {
        link: link.clone(),
        udp: udp.clone(),
    });
    let _ = target.events.send(Event::Connected { address });
    let side = Side::Target(udp, target.services.clone());
    let events = target.events.clone();
    tokio::spawn(run_link(
        target.endpoint.clone(),
        link,
        side,
        control,
        events,
    ));
}
