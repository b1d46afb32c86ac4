//! What `start` made: the port, the certificate, and on the target the wait for the host. Border.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram as StdUnixDatagram;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixDatagram;

use super::host::{HostLink, Introduction, connect};
use super::target::{Target, TargetLink};
use super::tls::Identity;
use super::transport::Congestion;
use crate::border::control::{Peer, Report, Role, Start, parse_hex, to_hex};
use crate::error::{CloseReason, LinkError};
use crate::event::EventsTx;
use crate::flow::services::Services;
use crate::flow::stats::Stats;
use crate::net::endpoint::{Endpoint, open_any, open_in_range};

/// A peer that is told of the end has this long to hear it.
const CLOSE_LIMIT: Duration = Duration::from_millis(300);

/// An endpoint, introduced or not.
pub struct Started {
    endpoint: Arc<Endpoint>,
    identity: Arc<Identity>,
    congestion: Congestion,
    target: Option<Arc<Target>>,
}

/// An error that is the other side's mistake.
pub fn bad(detail: impl ToString) -> LinkError {
    LinkError::new("bad-command", detail)
}

fn trouble(error: impl ToString) -> LinkError {
    LinkError::new("udp-socket", error)
}

impl Started {
    /// Open the port and make the certificate; returns what Python shall hear of them.
    pub fn open(
        start: &Start,
        services: &Arc<Services>,
        stats: &Arc<Stats>,
        events: &EventsTx,
    ) -> Result<(Self, Report), LinkError> {
        let congestion =
            Congestion::parse(start.congestion.as_deref()).ok_or_else(|| bad("congestion"))?;
        let socket = match start.role {
            Role::Host => open_any().map_err(trouble)?,
            Role::Target => {
                let ip = start.bind.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
                open_in_range(ip, start.first_port, start.last_port)?
            }
        };
        let port = socket.local_addr().map_err(trouble)?.port();
        let endpoint = Arc::new(Endpoint::new(socket)?);
        let identity = Arc::new(Identity::generate()?);
        let fingerprint = to_hex(&identity.fingerprint());
        let target = (start.role == Role::Target).then(|| {
            let (services, stats) = (services.clone(), stats.clone());
            Target::new(endpoint.clone(), services, stats, events.clone())
        });
        let started = Self {
            endpoint,
            identity,
            congestion,
            target,
        };
        Ok((started, Report::Listening { port, fingerprint }))
    }

    /// Target: let the announced host in. False on the host's side, which shall connect.
    pub fn introduce(&self, introduction: &Introduction) -> Result<bool, LinkError> {
        let Some(target) = &self.target else {
            return Ok(false);
        };
        target.introduce(&self.identity, introduction, self.congestion)?;
        Ok(true)
    }

    /// Host: connect in the background; `done` hears how that went.
    pub fn connect(
        &self,
        introduction: Introduction,
        events: EventsTx,
        done: impl FnOnce(Result<HostLink, LinkError>) + Send + 'static,
    ) {
        let (endpoint, identity) = (self.endpoint.clone(), self.identity.clone());
        let congestion = self.congestion;
        tokio::spawn(async move {
            done(connect(&endpoint, &identity, &introduction, congestion, events).await);
        });
    }

    /// Target: the link, once the host is in.
    pub fn target_link(&self) -> Option<TargetLink> {
        self.target.as_ref()?.link()
    }

    /// Go on with a new UDP socket.
    pub fn rebind(&self) -> Result<(), LinkError> {
        let socket = open_any().map_err(trouble)?;
        self.endpoint.rebind(socket).map_err(trouble)
    }

    /// Attach the path of last resort, or take it away.
    pub fn set_relay(&self, descriptor: Option<OwnedFd>) -> Result<(), LinkError> {
        let wrap = |descriptor: OwnedFd| {
            let relay = StdUnixDatagram::from(descriptor);
            relay.set_nonblocking(true)?;
            UnixDatagram::from_std(relay)
        };
        let relay = descriptor.map(wrap).transpose();
        let relay = relay.map_err(|error| LinkError::new("bad-descriptor", error))?;
        self.endpoint.path.set_relay(relay);
        Ok(())
    }

    /// What the peer says of its own packets.
    pub fn set_peer_quiet(&self, is_quiet: bool) {
        self.endpoint.path.set_peer_quiet(is_quiet);
    }

    /// Packets that the peer has acknowledged, since the start.
    pub fn acked_packets(&self) -> u64 {
        self.endpoint.pulse.acked_packets()
    }

    /// Sends that the kernel refused, since the start.
    pub fn refused_sends(&self) -> u64 {
        self.endpoint.path.refused_sends()
    }

    /// End the connection, and tell the peer if it listens.
    pub async fn close(self) {
        let quic = &self.endpoint.quic;
        quic.close(CloseReason::Shutdown.code(), b"shutdown");
        let _ = tokio::time::timeout(CLOSE_LIMIT, quic.wait_idle()).await;
    }
}

/// What went over SSH; None for hex of the wrong length.
pub fn parse_introduction(peer: &Peer) -> Option<Introduction> {
    Some(Introduction {
        fingerprint: parse_hex(&peer.fingerprint)?,
        secret: parse_hex(&peer.secret)?,
        connection_id: parse_hex(&peer.connection_id)?,
        addresses: peer.addresses.clone(),
        lease: Duration::from_secs(peer.lease_s),
    })
}
