//! Runs a connection that is introduced, on either side, to its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn::RecvStream;
use tokio::time::{MissedTickBehavior, interval};

use super::control_stream::{self, ControlStream};
use super::link::Link;
use super::watch::run_live;
use crate::error::{CloseReason, LinkError};
use crate::event::{Event, EventsTx};
use crate::flow::services::Services;
use crate::flow::tcp::target::run_serve;
use crate::flow::udp::host::HostUdp;
use crate::flow::udp::target::TargetUdp;
use crate::flow::udp::{Deliver, run_receive};
use crate::flow::wire::Message;
use crate::net::endpoint::Endpoint;

/// What differs between the sides.
#[derive(Clone)]
pub enum Side {
    /// Takes connections here.
    Host(Arc<HostUdp>),
    /// Dials services there.
    Target(Arc<TargetUdp>, Arc<Services>),
}

impl Side {
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

    /// Take one message of the peer. Fails if that side may not say it.
    fn take(&self, link: &Link, message: Message) -> Result<(), LinkError> {
        match (message, self) {
            (Message::Grant { flow, limit }, _) => link.grant(flow, limit),
            (Message::GiveBack { flow, limit }, _) => link.give_back(flow, limit),
            (Message::Gone { flow, end }, _) => link.note_gone(flow, end),
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

/// Run until the connection ends; its end is told as an event.
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
                run_serve(link.clone(), services.clone(), udp.owners.clone()).await
            }
        }
    };
    let broken = tokio::select! {
        _ = link.connection.closed() => None,
        error = control_stream::run_write(&link, &mut send) => Some(error),
        error = run_read(&link, &side, &mut recv) => Some(error),
        () = run_ticks(&link, &side) => None,
        () = run_live(&endpoint, &link, &events) => None,
        () = run_receive(link.clone(), side.deliver()) => None,
        () = serve => None,
    };
    link.drop_flows(None);
    let (reason, detail) = explain_end(&link, broken).await;
    let _ = events.send(Event::Closed { reason, detail });
}

/// Why the connection ended. If only the control stream broke, the connection ends now.
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
        link.tick();
        side.tick(tokio::time::Instant::now().into_std());
    }
}
