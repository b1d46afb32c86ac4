//! Carry out the commands of Python.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::bindings::Bindings;
use super::control::{Command, Peer, Role, Start, VERSION, parse_hex, to_hex};
use super::fdpass::LineReader;
use super::reports::{Report, read_stats};
use crate::conn::control_stream::Introduction;
use crate::conn::host::HostLink;
use crate::conn::session::{Place, Session};
use crate::conn::transport::Congestion;
use crate::error::LinkError;
use crate::event::EventsTx;
use crate::flow::services::{MAX_ADDRESSES, MAX_SERVICES, Services};
use crate::flow::stats::Stats;
use crate::flow::tcp::door;

/// How an attempt to connect ended.
pub type Connected = Result<HostLink, LinkError>;

/// Make an error that is the other side's mistake.
pub fn bad(detail: impl ToString) -> LinkError {
    LinkError::new("bad-command", detail)
}

/// Carries out the commands, one session for each process.
pub struct Executor {
    events: EventsTx,
    connected: mpsc::UnboundedSender<Connected>,
    services: Arc<Services>,
    stats: Arc<Stats>,
    session: Option<Session>,
    host: Option<HostLink>,
    bindings: Bindings,
    is_greeted: bool,
}

impl Executor {
    /// Start without a session. Attempts to connect end in `connected`.
    pub fn new(events: EventsTx, connected: mpsc::UnboundedSender<Connected>) -> Self {
        Self {
            events,
            connected,
            services: Arc::default(),
            stats: Arc::default(),
            session: None,
            host: None,
            bindings: Bindings::default(),
            is_greeted: false,
        }
    }

    /// Store the link of an attempt to connect that succeeded.
    pub fn take_host(&mut self, host: HostLink) {
        self.stats = host.link.stats.clone();
        self.host = Some(host);
    }

    /// Stop taking from the bindings: the connection has ended.
    pub fn take_closed(&mut self) {
        self.bindings.clear();
    }

    /// End the connection, and notify the peer if it still reads.
    pub async fn close(&mut self) {
        self.bindings.clear();
        if let Some(session) = self.session.take() {
            session.close().await;
        }
    }

    /// Carry out one command, and return its answer if it has one at once.
    pub fn carry_out(
        &mut self,
        command: Command,
        reader: &mut LineReader,
    ) -> Result<Option<Report>, LinkError> {
        // First of all, so that a command that fails does not leave its descriptor to the next one.
        let descriptor = reader.take_one(command.fds());
        if !self.is_greeted && !matches!(command, Command::Hello { .. }) {
            return Err(LinkError::new("version", "the first line must be hello"));
        }
        match command {
            Command::Hello { v } => self.hello(v)?,
            Command::Start(start) => return self.start(&start).map(Some),
            Command::Peer(peer) => self.peer(&peer)?,
            Command::Adopt {
                binding,
                service,
                own_user,
                ..
            } => {
                let adopted = self.adopt(binding, service, own_user, descriptor?);
                return adopted.map(Some);
            }
            Command::Release { binding } => {
                self.bindings.release(self.host.as_ref(), binding);
                return Ok(Some(Report::Released { binding }));
            }
            Command::Services { table, owners } => self.set_services(table, owners)?,
            Command::Door { address } => self.set_door(&address)?,
            Command::Enter { .. } => door::enter(
                &Self::connected_host(self.host.as_ref())?.link.flows,
                descriptor?,
            )?,
            Command::ResetFlows { service } => self.reset_flows(service.as_deref()),
            Command::Rebind => self.session()?.rebind()?,
            Command::Path { fds: 0 } => self.session()?.set_relay(None)?,
            Command::Path { .. } => self.session()?.set_relay(Some(descriptor?))?,
            Command::PeerQuiet { is_quiet } => self.session()?.set_peer_quiet(is_quiet),
            Command::Stats => return Ok(Some(self.read_stats())),
            Command::Shutdown => {} // ended the loop before
        }
        Ok(None)
    }

    fn hello(&mut self, v: u32) -> Result<(), LinkError> {
        if v != VERSION {
            let detail = format!("control version {v}, this is {VERSION}");
            return Err(LinkError::new("version", detail));
        }
        self.is_greeted = true;
        Ok(())
    }

    fn start(&mut self, start: &Start) -> Result<Report, LinkError> {
        if self.session.is_some() {
            return Err(bad("started before"));
        }
        let congestion =
            Congestion::parse(start.congestion.as_deref()).ok_or_else(|| bad("congestion"))?;
        let (place, services, stats) = (parse_place(start), &self.services, &self.stats);
        let (session, listening) =
            Session::open(&place, congestion, services, stats, &self.events)?;
        self.session = Some(session);
        Ok(Report::Listening {
            port: listening.port,
            fingerprint: to_hex(&listening.fingerprint),
        })
    }

    fn session(&self) -> Result<&Session, LinkError> {
        self.session.as_ref().ok_or_else(|| bad("not started"))
    }

    fn peer(&mut self, peer: &Peer) -> Result<(), LinkError> {
        let introduction =
            parse_introduction(peer).ok_or_else(|| bad("hex of the wrong length"))?;
        let session = self.session()?;
        if session.introduce(&introduction)? {
            return Ok(());
        }
        if self.host.is_some() {
            return Err(bad("connected before"));
        }
        let connected = self.connected.clone();
        session.connect(introduction, self.events.clone(), move |done| {
            let _ = connected.send(done);
        });
        Ok(())
    }

    fn connected_host(host: Option<&HostLink>) -> Result<&HostLink, LinkError> {
        host.ok_or(LinkError::new("not-connected", "no link yet"))
    }

    fn adopt(
        &mut self,
        binding: u64,
        service: String,
        own_user: bool,
        descriptor: OwnedFd,
    ) -> Result<Report, LinkError> {
        let host = Self::connected_host(self.host.as_ref())?;
        let events = self.events.clone();
        self.bindings
            .adopt(host, binding, service, own_user, descriptor, events)?;
        Ok(Report::Adopted { binding })
    }

    fn set_services(
        &self,
        table: HashMap<String, Vec<SocketAddr>>,
        owners: HashMap<String, u32>,
    ) -> Result<(), LinkError> {
        if table.len() > MAX_SERVICES || table.values().any(|list| list.len() > MAX_ADDRESSES) {
            return Err(bad("the table is too large"));
        }
        self.services.replace(table, owners);
        Ok(())
    }

    fn set_door(&self, address: &str) -> Result<(), LinkError> {
        self.services
            .set_door(door::parse_address(address).map_err(bad)?);
        Ok(())
    }

    fn reset_flows(&self, service: Option<&str>) {
        if let Some(host) = &self.host {
            host.link.flows.reset(service);
        }
        if let Some(target) = self.session.as_ref().and_then(Session::target_link) {
            target.link.flows.reset(service);
            target.udp.drop_service(service);
        }
    }

    fn read_stats(&self) -> Report {
        let session = self.session.as_ref();
        let link = match &self.host {
            Some(host) => Some(host.link.clone()),
            None => session
                .and_then(Session::target_link)
                .map(|target| target.link),
        };
        let refused = session.map_or(0, Session::refused_sends);
        let acked = session.map_or(0, Session::acked_packets);
        let report = read_stats(link.as_deref(), &self.stats, refused, acked);
        Report::Stats(Box::new(report))
    }
}

/// Return where a session opens its port.
fn parse_place(start: &Start) -> Place {
    match start.role {
        Role::Host => Place::Host,
        Role::Target => Place::Target {
            ip: start.bind.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            first_port: start.first_port,
            last_port: start.last_port,
        },
    }
}

/// Return what was exchanged over SSH; None for hex of the wrong length.
fn parse_introduction(peer: &Peer) -> Option<Introduction> {
    Some(Introduction {
        fingerprint: parse_hex(&peer.fingerprint)?,
        secret: parse_hex(&peer.secret)?,
        connection_id: parse_hex(&peer.connection_id)?,
        addresses: peer.addresses.clone(),
        lease: Duration::from_secs(peer.lease_s),
    })
}
