//! Run a connection that is introduced, on either side, to its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn::{Connection, RecvStream};
use tokio::time::{MissedTickBehavior, interval};

use super::control_stream::{self, ControlStream};
use super::watch::run_watch;
use crate::error::{CloseReason, LinkError};
use crate::event::{Event, EventsTx};
use crate::flow::outbox::Outbox;
use crate::flow::services::Services;
use crate::flow::stats::Stats;
use crate::flow::tcp::flows::Flows;
use crate::flow::tcp::target::run_serve;
use crate::flow::udp::carrier::{Carrier, Deliver};
use crate::flow::udp::host::HostUdp;
use crate::flow::udp::target::TargetUdp;
use crate::flow::wire::Message;
use crate::net::endpoint::Endpoint;

/// What both sides share about one connection that is up.
pub struct Link {
    /// QUIC.
    pub connection: Connection,
    /// Counters by service.
    pub stats: Arc<Stats>,
    /// Messages for the control stream.
    pub outbox: Arc<Outbox>,
    /// TCP.
    pub flows: Arc<Flows>,
    /// UDP.
    pub carrier: Arc<Carrier>,
}

impl Link {
    /// Share a connection that is up. `is_host` decides the direction of the counters.
    pub fn new(connection: Connection, is_host: bool, stats: Arc<Stats>) -> Arc<Self> {
        let outbox = Arc::<Outbox>::default();
        let flows = Flows::new(connection.clone(), is_host, stats.clone(), outbox.clone());
        let carrier = Carrier::new(connection.clone(), stats.clone(), outbox.clone());
        Arc::new(Self {
            connection,
            stats,
            outbox,
            flows,
            carrier,
        })
    }
}

/// What differs between the sides.
#[derive(Clone)]
pub enum Side {
    /// Accepts connections on the bindings.
    Host(Arc<HostUdp>),
    /// Dials services.
    Target(Arc<TargetUdp>, Arc<Services>),
}

impl Side {
    fn is_host(&self) -> bool {
        matches!(self, Self::Host(_))
    }

    fn deliver(&self) -> Arc<dyn Deliver> {
        match self {
            Self::Host(udp) => udp.clone(),
            Self::Target(udp, _) => udp.clone(),
        }
    }

    fn tick(&self, now: Instant) {
        match self {
            Self::Host(udp) => udp.tick(now),
            Self::Target(udp, _) => udp.tick(now),
        }
    }

    /// Take one message of the peer. Fails if that side may not send it.
    fn take(&self, link: &Link, message: Message) -> Result<(), LinkError> {
        match (message, self) {
            (Message::Grant { flow, limit }, _) => link.flows.grant(flow, limit),
            (Message::GiveBack { flow, limit }, _) => link.flows.give_back(flow, limit),
            (Message::Gone { flow, end }, _) => link.flows.note_gone(flow, end),
            (Message::CloseAssociation { id }, Self::Host(udp)) => udp.close(id),
            (Message::CloseAssociation { id }, Self::Target(udp, _)) => udp.close(id),
            (Message::OpenAssociation { id, service }, Self::Target(udp, _)) => {
                udp.open(id, service)
            }
            (other, _) => return Err(LinkError::new("protocol", format!("unexpected {other:?}"))),
        }
        Ok(())
    }
}

/// Run until the connection ends, which is sent as an event.
pub async fn run_link(
    endpoint: Arc<Endpoint>,
    link: Arc<Link>,
    side: Side,
    control: ControlStream,
    events: EventsTx,
) {
    let ControlStream { mut send, mut recv } = control;
    let serve = async {
        match &side {
            Side::Host(_) => std::future::pending().await,
            Side::Target(udp, services) => {
                run_serve(link.flows.clone(), services.clone(), udp.owners.clone()).await
            }
        }
    };
    let broken = tokio::select! {
        _ = link.connection.closed() => None,
        error = control_stream::run_write(&link.outbox, &mut send) => Some(error),
        error = run_read(&link, &side, &mut recv) => Some(error),
        () = run_ticks(&link, &side) => None,
        () = run_watch(&endpoint, &link.connection, side.is_host(), &events) => None,
        () = link.carrier.run_receive(side.deliver()) => None,
        () = serve => None,
    };
    link.flows.reset(None);
    let (reason, detail) = explain_end(&link, broken).await;
    let _ = events.send(Event::Closed { reason, detail });
}

/// Return why the connection ended. If only the control stream broke, end the connection now.
async fn explain_end(link: &Link, broken: Option<LinkError>) -> (CloseReason, String) {
    // The streams of a connection that has ended break as well: its own reason comes first.
    match (link.connection.close_reason(), broken) {
        (None, Some(error)) => {
            let reason = CloseReason::Protocol;
            link.connection.close(reason.code(), error.code.as_bytes());
            (reason, error.to_string())
        }
        _ => {
            let error = link.connection.closed().await;
            (CloseReason::from_error(&error), error.to_string())
        }
    }
}

async fn run_read(link: &Link, side: &Side, recv: &mut RecvStream) -> LinkError {
    loop {
        let took = match control_stream::read(recv).await {
            Ok(message) => side.take(link, message),
            Err(error) => Err(error),
        };
        if let Err(error) = took {
            return error;
        }
    }
}

async fn run_ticks(link: &Link, side: &Side) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        link.flows.tick();
        side.tick(tokio::time::Instant::now().into_std());
    }
}
