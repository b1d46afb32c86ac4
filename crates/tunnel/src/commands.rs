//! Carries out the commands. Border.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixDatagram;
use tokio::sync::mpsc;

use crate::bindings::Bindings;
use crate::control::{Command, Peer, Report, Role, Start, VERSION, parse_hex, to_hex};
use crate::endpoint::{Endpoint, open_any, open_in_range};
use crate::error::{CloseReason, LinkError};
use crate::event::EventsTx;
use crate::fdpass::LineReader;
use crate::host::{HostLink, Introduction, connect};
use crate::report::read_stats;
use crate::services::{MAX_ADDRESSES, MAX_SERVICES, Services};
use crate::stats::Stats;
use crate::target::Target;
use crate::tls::Identity;
use crate::transport::Congestion;

/// A peer that is told of the end has this long to hear it.
const CLOSE_LIMIT: Duration = Duration::from_millis(300);

/// What `start` made.
struct Started {
    endpoint: Arc<Endpoint>,
    identity: Arc<Identity>,
    congestion: Congestion,
    target: Option<Arc<Target>>,
}

/// How an attempt to connect ended.
pub type Connected = Result<HostLink, LinkError>;

/// The one session that a process serves.
pub struct Session {
    events: EventsTx,
    connected: mpsc::UnboundedSender<Connected>,
    services: Arc<Services>,
    stats: Arc<Stats>,
    started: Option<Started>,
    host: Option<HostLink>,
    bindings: Bindings,
    is_greeted: bool,
}

/// An error that is the other side's mistake.
pub fn bad(detail: impl ToString) -> LinkError {
    LinkError::new("bad-command", detail)
}

impl Session {
    /// Nothing asked for yet. Attempts to connect end in `connected`.
    pub fn new(events: EventsTx, connected: mpsc::UnboundedSender<Connected>) -> Self {
        Self {
            events,
            connected,
            services: Arc::default(),
            stats: Arc::default(),
            started: None,
            host: None,
            bindings: Bindings::default(),
            is_greeted: false,
        }
    }

    /// The attempt to connect succeeded.
    pub fn take_host(&mut self, host: HostLink) {
        self.stats = host.link.stats.clone();
        self.host = Some(host);
    }

    /// The connection has ended: nothing is carried any more.
    pub fn take_closed(&mut self) {
        self.bindings.clear();
    }

    /// End the connection, and tell the peer if it listens.
    pub async fn close(&mut self) {
        self.bindings.clear();
        if let Some(started) = self.started.take() {
            let quic = &started.endpoint.quic;
            quic.close(CloseReason::Shutdown.code(), b"shutdown");
            let _ = tokio::time::timeout(CLOSE_LIMIT, quic.wait_idle()).await;
        }
    }

    /// Carry out one command; its answer, if it has one at once.
    pub fn carry_out(
        &mut self,
        command: Command,
        reader: &mut LineReader,
    ) -> Result<Option<Report>, LinkError> {
        if !self.is_greeted && !matches!(command, Command::Hello { .. }) {
            return Err(LinkError::new("version", "the first line must be hello"));
        }
        match command {
            Command::Hello { v } if v == VERSION => self.is_greeted = true,
            Command::Hello { v } => {
                return Err(LinkError::new(
                    "version",
                    format!("control version {v}, this is {VERSION}"),
                ));
            }
            Command::Start(start) => return self.start(&start).map(Some),
            Command::Peer(peer) => self.peer(&peer)?,
            Command::Adopt {
                binding,
                service,
                fds,
            } => {
                let descriptor = take_one(reader, fds)?;
                let host = self
                    .host
                    .as_ref()
                    .ok_or(LinkError::new("not-connected", "no link yet"))?;
                self.bindings
                    .adopt(host, binding, service, descriptor, self.events.clone())?;
                return Ok(Some(Report::Adopted { binding }));
            }
            Command::Release { binding } => {
                self.bindings.release(self.host.as_ref(), binding);
                return Ok(Some(Report::Released { binding }));
            }
            Command::Services { table } => self.set_services(table)?,
            Command::ResetFlows { service } => self.reset_flows(service.as_deref()),
            Command::Rebind => self.rebind()?,
            Command::Path { fds } => self.set_path(fds, reader)?,
            Command::Stats => return Ok(Some(self.read_stats())),
            Command::Shutdown => {} // ended the loop before
        }
        Ok(None)
    }

    fn start(&mut self, start: &Start) -> Result<Report, LinkError> {
        if self.started.is_some() {
            return Err(bad("started before"));
        }
        let socket = match start.role {
            Role::Host => open_any().map_err(|error| LinkError::new("udp-socket", error))?,
            Role::Target => {
                let ip = start.bind.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
                open_in_range(ip, start.first_port, start.last_port)?
            }
        };
        let port = socket
            .local_addr()
            .map_err(|error| LinkError::new("udp-socket", error))?
            .port();
        let endpoint = Arc::new(Endpoint::new(socket)?);
        let identity = Arc::new(Identity::generate()?);
        let target = (start.role == Role::Target).then(|| {
            let (services, stats) = (self.services.clone(), self.stats.clone());
            Target::new(endpoint.clone(), services, stats, self.events.clone())
        });
        let congestion =
            Congestion::parse(start.congestion.as_deref()).ok_or_else(|| bad("congestion"))?;
        let fingerprint = to_hex(&identity.fingerprint());
        self.started = Some(Started {
            endpoint,
            identity,
            congestion,
            target,
        });
        Ok(Report::Listening { port, fingerprint })
    }

    fn started(&self) -> Result<&Started, LinkError> {
        self.started.as_ref().ok_or_else(|| bad("not started"))
    }

    fn peer(&mut self, peer: &Peer) -> Result<(), LinkError> {
        let introduction =
            parse_introduction(peer).ok_or_else(|| bad("hex of the wrong length"))?;
        let started = self.started()?;
        let (identity, congestion) = (started.identity.clone(), started.congestion);
        if let Some(target) = &started.target {
            return target.introduce(&identity, &introduction, congestion);
        }
        if self.host.is_some() {
            return Err(bad("connected before"));
        }
        let (endpoint, events) = (started.endpoint.clone(), self.events.clone());
        let connected = self.connected.clone();
        tokio::spawn(async move {
            let done = connect(&endpoint, &identity, &introduction, congestion, events).await;
            let _ = connected.send(done);
        });
        Ok(())
    }

    fn set_services(&self, table: HashMap<String, Vec<SocketAddr>>) -> Result<(), LinkError> {
        if table.len() > MAX_SERVICES || table.values().any(|list| list.len() > MAX_ADDRESSES) {
            return Err(bad("the table is too large"));
        }
        self.services.replace(table);
        Ok(())
    }

    fn reset_flows(&self, service: Option<&str>) {
        if let Some(host) = &self.host {
            host.link.drop_flows(service);
        }
        let target = self
            .started
            .as_ref()
            .and_then(|started| started.target.as_ref());
        if let Some(link) = target.and_then(|target| target.link()) {
            link.link.drop_flows(service);
            link.udp.drop_service(service);
        }
    }

    fn rebind(&self) -> Result<(), LinkError> {
        let trouble = |error| LinkError::new("udp-socket", error);
        self.started()?
            .endpoint
            .rebind(open_any().map_err(trouble)?)
            .map_err(trouble)
    }

    fn set_path(&self, fds: usize, reader: &mut LineReader) -> Result<(), LinkError> {
        let path = &self.started()?.endpoint.path;
        if fds == 0 {
            path.set_relay(None);
            return Ok(());
        }
        let relay = std::os::unix::net::UnixDatagram::from(take_one(reader, fds)?);
        let trouble = |error| LinkError::new("bad-descriptor", error);
        relay.set_nonblocking(true).map_err(trouble)?;
        path.set_relay(Some(UnixDatagram::from_std(relay).map_err(trouble)?));
        Ok(())
    }

    fn read_stats(&self) -> Report {
        let target = self
            .started
            .as_ref()
            .and_then(|started| started.target.as_ref());
        let link = match &self.host {
            Some(host) => Some(host.link.clone()),
            None => target
                .and_then(|target| target.link())
                .map(|link| link.link),
        };
        let refused = self
            .started
            .as_ref()
            .map_or(0, |started| started.endpoint.path.refused_sends());
        Report::Stats(Box::new(read_stats(link.as_deref(), &self.stats, refused)))
    }
}

fn take_one(reader: &mut LineReader, fds: usize) -> Result<OwnedFd, LinkError> {
    let descriptor = reader.take_descriptor();
    match descriptor {
        Some(descriptor) if fds == 1 => Ok(descriptor),
        _ => Err(LinkError::new(
            "bad-descriptor",
            "one descriptor must come with the line",
        )),
    }
}

fn parse_introduction(peer: &Peer) -> Option<Introduction> {
    Some(Introduction {
        fingerprint: parse_hex(&peer.fingerprint)?,
        secret: parse_hex(&peer.secret)?,
        connection_id: parse_hex(&peer.connection_id)?,
        addresses: peer.addresses.clone(),
        lease: Duration::from_secs(peer.lease_s),
    })
}
