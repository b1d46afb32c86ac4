//! Carries out the commands. Border.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::bindings::Bindings;
use super::control::{Command, MAX_DESCRIPTORS, Peer, Report, Start, VERSION};
use super::fdpass::LineReader;
use super::report::read_stats;
use crate::conn::host::HostLink;
pub use crate::conn::session::bad;
use crate::conn::session::{Started, parse_introduction};
use crate::error::LinkError;
use crate::event::EventsTx;
use crate::flow::services::{MAX_ADDRESSES, MAX_SERVICES, Services};
use crate::flow::stats::Stats;
use crate::flow::tcp::door;

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
            started.close().await;
        }
    }

    /// Carry out one command; its answer, if it has one at once.
    pub fn carry_out(
        &mut self,
        command: Command,
        reader: &mut LineReader,
    ) -> Result<Option<Report>, LinkError> {
        // First of all, so that a command that fails does not leave its descriptor to the next one.
        let descriptor = take_descriptor(&command, reader);
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
            Command::Enter { .. } => {
                door::enter(&Self::connected_host(self.host.as_ref())?.link, descriptor?)?
            }
            Command::ResetFlows { service } => self.reset_flows(service.as_deref()),
            Command::Rebind => self.started()?.rebind()?,
            Command::Path { fds: 0 } => self.started()?.set_relay(None)?,
            Command::Path { .. } => self.started()?.set_relay(Some(descriptor?))?,
            Command::PeerQuiet { is_quiet } => self.started()?.set_peer_quiet(is_quiet),
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
        if self.started.is_some() {
            return Err(bad("started before"));
        }
        let (started, report) = Started::open(start, &self.services, &self.stats, &self.events)?;
        self.started = Some(started);
        Ok(report)
    }

    fn started(&self) -> Result<&Started, LinkError> {
        self.started.as_ref().ok_or_else(|| bad("not started"))
    }

    fn peer(&mut self, peer: &Peer) -> Result<(), LinkError> {
        let introduction =
            parse_introduction(peer).ok_or_else(|| bad("hex of the wrong length"))?;
        let started = self.started()?;
        if started.introduce(&introduction)? {
            return Ok(());
        }
        if self.host.is_some() {
            return Err(bad("connected before"));
        }
        let connected = self.connected.clone();
        started.connect(introduction, self.events.clone(), move |done| {
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
            host.link.drop_flows(service);
        }
        if let Some(target) = self.started.as_ref().and_then(Started::target_link) {
            target.link.drop_flows(service);
            target.udp.drop_service(service);
        }
    }

    fn read_stats(&self) -> Report {
        let started = self.started.as_ref();
        let link = match &self.host {
            Some(host) => Some(host.link.clone()),
            None => started
                .and_then(Started::target_link)
                .map(|target| target.link),
        };
        let refused = started.map_or(0, Started::refused_sends);
        let acked = started.map_or(0, Started::acked_packets);
        let report = read_stats(link.as_deref(), &self.stats, refused, acked);
        Report::Stats(Box::new(report))
    }
}

/// Take what came with a line; what is more than the one that a command can use is closed.
fn take_descriptor(command: &Command, reader: &mut LineReader) -> Result<OwnedFd, LinkError> {
    let fds = match command {
        Command::Adopt { fds, .. } | Command::Path { fds } | Command::Enter { fds } => *fds,
        _ => 0,
    };
    let taken: Vec<_> = (0..fds.min(MAX_DESCRIPTORS))
        .map_while(|_| reader.take_descriptor())
        .collect();
    <[OwnedFd; 1]>::try_from(taken)
        .map(|[descriptor]| descriptor)
        .map_err(|_| LinkError::new("bad-descriptor", "one descriptor must come with the line"))
}
