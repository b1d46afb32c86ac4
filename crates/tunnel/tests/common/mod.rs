//! A pair of endpoints over a network in memory.
#![allow(dead_code)] // each test file uses a part

pub mod control;
pub mod network;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use port_linker_tunnel::conn::control_stream::Introduction;
use port_linker_tunnel::conn::host::{HostLink, connect};
use port_linker_tunnel::conn::target::Target;
use port_linker_tunnel::conn::tls::Identity;
use port_linker_tunnel::conn::transport::Congestion;
use port_linker_tunnel::error::LinkError;
use port_linker_tunnel::event::Event;
use port_linker_tunnel::flow::services::Services;
use port_linker_tunnel::flow::stats::Stats;
use port_linker_tunnel::flow::tcp::host::run_accept;
use port_linker_tunnel::net::endpoint::Endpoint;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use network::Network;

pub const HOST: &str = "10.0.0.1:1000";
pub const TARGET: &str = "10.0.0.2:60000";

/// Both ends before their introduction.
pub struct Ends {
    pub network: Network,
    pub host: Arc<Endpoint>,
    pub target: Arc<Endpoint>,
    pub host_identity: Identity,
    pub target_identity: Identity,
    pub services: Arc<Services>,
    pub waiting: Arc<Target>,
    pub host_events: mpsc::UnboundedReceiver<Event>,
    pub host_events_tx: mpsc::UnboundedSender<Event>,
    pub target_events: mpsc::UnboundedReceiver<Event>,
}

impl Ends {
    pub fn new(delay_ms: u64, loss: f64) -> Self {
        let network = Network::new(Duration::from_millis(delay_ms), loss);
        let host = Endpoint::with_socket(network.socket(HOST)).unwrap();
        let target = Arc::new(Endpoint::with_socket(network.socket(TARGET)).unwrap());
        let services: Arc<Services> = Arc::default();
        let (host_events_tx, host_events) = mpsc::unbounded_channel();
        let (target_tx, target_events) = mpsc::unbounded_channel();
        let waiting = Target::new(
            target.clone(),
            services.clone(),
            Arc::<Stats>::default(),
            target_tx,
        );
        Self {
            network,
            host: Arc::new(host),
            target,
            host_identity: Identity::generate().unwrap(),
            target_identity: Identity::generate().unwrap(),
            services,
            waiting,
            host_events,
            host_events_tx,
            target_events,
        }
    }

    /// What is sent to the target about the host.
    pub fn to_target(&self) -> Introduction {
        introduction(self.host_identity.fingerprint(), vec![])
    }

    /// What is sent to the host about the target.
    pub fn to_host(&self) -> Introduction {
        introduction(
            self.target_identity.fingerprint(),
            vec![TARGET.parse().unwrap()],
        )
    }

    pub fn introduce(&self, introduction: &Introduction) {
        self.waiting
            .introduce(&self.target_identity, introduction, Congestion::Adaptive)
            .unwrap();
    }

    pub async fn connect(&self, introduction: &Introduction) -> Result<HostLink, LinkError> {
        let events = self.host_events_tx.clone();
        connect(
            &self.host,
            &self.host_identity,
            introduction,
            Congestion::Adaptive,
            events,
        )
        .await
    }
}

fn introduction(fingerprint: [u8; 32], addresses: Vec<SocketAddr>) -> Introduction {
    Introduction {
        fingerprint,
        secret: [7; 32],
        connection_id: [9; 16],
        addresses,
        lease: Duration::from_secs(12 * 3600),
    }
}

/// A link that is up.
pub struct Pair {
    pub ends: Ends,
    pub host: HostLink,
}

pub async fn pair(delay_ms: u64, loss: f64) -> Pair {
    let ends = Ends::new(delay_ms, loss);
    ends.introduce(&ends.to_target());
    let host = ends.connect(&ends.to_host()).await.unwrap();
    Pair { ends, host }
}

impl Pair {
    /// Bind a service here; returns the local address that stands for it.
    pub async fn bind(&self, key: &str, addresses: Vec<SocketAddr>) -> SocketAddr {
        if !addresses.is_empty() {
            self.ends
                .services
                .replace(HashMap::from([(key.to_owned(), addresses)]), HashMap::new());
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let local = listener.local_addr().unwrap();
        let (flows, service) = (self.host.link.flows.clone(), key.to_owned());
        tokio::spawn(run_accept(flows, listener, service, false));
        local
    }

    /// A service that is really there, and the local address that stands for it.
    pub async fn serve(&self) -> (TcpListener, SocketAddr) {
        let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = service.local_addr().unwrap();
        let local = self.bind(&format!("tcp/{address}"), vec![address]).await;
        (service, local)
    }
}

/// Wait for an event that `wanted` accepts.
pub async fn wait_event(
    events: &mut mpsc::UnboundedReceiver<Event>,
    wanted: impl Fn(&Event) -> bool,
) -> Event {
    loop {
        let event = events.recv().await.expect("the link tells");
        if wanted(&event) {
            return event;
        }
    }
}

/// Bytes that differ at every offset's neighbourhood.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect()
}
