//! Hold what `start` made: the port, the certificate, and on the target the wait for the host.

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram as StdUnixDatagram;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixDatagram;

use super::control_stream::Introduction;
use super::host::{HostLink, connect};
use super::target::{Target, TargetLink};
use super::tls::{Fingerprint, Identity};
use super::transport::Congestion;
use crate::error::{CloseReason, LinkError};
use crate::event::EventsTx;
use crate::flow::services::Services;
use crate::flow::stats::Stats;
use crate::net::endpoint::{Endpoint, open_any, open_in_range};

/// A peer that still reads learns of the end within this time.
const CLOSE_LIMIT: Duration = Duration::from_millis(300);

/// Which side a session is, and where it opens its port.
pub enum Place {
    /// The host's side: any port.
    Host,
    /// The target's side: the first free port of a range on this address.
    Target {
        ip: IpAddr,
        first_port: u16,
        last_port: u16,
    },
}

/// What the other side needs to know of a session.
pub struct Listening {
    /// The UDP port.
    pub port: u16,
    /// Of our certificate.
    pub fingerprint: Fingerprint,
}

/// An endpoint, introduced or not.
pub struct Session {
    endpoint: Arc<Endpoint>,
    identity: Arc<Identity>,
    congestion: Congestion,
    target: Option<Arc<Target>>,
}

fn trouble(error: impl ToString) -> LinkError {
    LinkError::new("udp-socket", error)
}

impl Session {
    /// Open the port and make the certificate.
    pub fn open(
        place: &Place,
        congestion: Congestion,
        services: &Arc<Services>,
        stats: &Arc<Stats>,
        events: &EventsTx,
    ) -> Result<(Self, Listening), LinkError> {
        let socket = match *place {
            Place::Host => open_any().map_err(trouble)?,
            Place::Target {
                ip,
                first_port,
                last_port,
            } => open_in_range(ip, first_port, last_port)?,
        };
        let port = socket.local_addr().map_err(trouble)?.port();
        let endpoint = Arc::new(Endpoint::new(socket)?);
        let identity = Arc::new(Identity::generate()?);
        let fingerprint = identity.fingerprint();
        let target = matches!(place, Place::Target { .. }).then(|| {
            let (services, stats) = (services.clone(), stats.clone());
            Target::new(endpoint.clone(), services, stats, events.clone())
        });
        let session = Self {
            endpoint,
            identity,
            congestion,
            target,
        };
        Ok((session, Listening { port, fingerprint }))
    }

    /// Target: let the announced host in. False on the host's side, which connects instead.
    pub fn introduce(&self, introduction: &Introduction) -> Result<bool, LinkError> {
        let Some(target) = &self.target else {
            return Ok(false);
        };
        target.introduce(&self.identity, introduction, self.congestion)?;
        Ok(true)
    }

    /// Host: connect in the background, and pass the result to `done`.
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

    /// Target: return the link, once the host is in.
    pub fn target_link(&self) -> Option<TargetLink> {
        self.target.as_ref()?.link()
    }

    /// Continue with a new UDP socket.
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

    /// Note whether the peer's packets lack acknowledgements.
    pub fn set_peer_quiet(&self, is_quiet: bool) {
        self.endpoint.path.set_peer_quiet(is_quiet);
    }

    /// Return how many packets the peer has acknowledged since the start.
    pub fn acked_packets(&self) -> u64 {
        self.endpoint.pulse.acked_packets()
    }

    /// Return how many sends the kernel has refused since the start.
    pub fn refused_sends(&self) -> u64 {
        self.endpoint.path.refused_sends()
    }

    /// End the connection, and notify the peer if it still reads.
    pub async fn close(self) {
        let quic = &self.endpoint.quic;
        quic.close(CloseReason::Shutdown.code(), b"shutdown");
        let _ = tokio::time::timeout(CLOSE_LIMIT, quic.wait_idle()).await;
    }
}
