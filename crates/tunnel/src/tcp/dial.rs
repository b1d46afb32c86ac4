//! The target's side: takes streams, dials the service they name.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::carry::{Ends, reset_streams, run_flow, tune};
use crate::error::FlowEnd;
use crate::link::Link;
use crate::services::Services;
use crate::wire::{MAX_ARCHIVE_BYTES, Preamble, parse_length};

/// A stream that says nothing is not kept.
const PREAMBLE_LIMIT: Duration = Duration::from_secs(10);
/// The service is on this machine: it answers at once, or its backlog is full.
const DIAL_LIMIT: Duration = Duration::from_secs(5);

/// Serve the streams that the host opens, until the connection ends.
pub async fn run_serve(link: Arc<Link>, services: Arc<Services>) {
    while let Ok((send, recv)) = link.connection.accept_bi().await {
        tokio::spawn(run_stream(link.clone(), services.clone(), send, recv));
    }
}

async fn run_stream(
    link: Arc<Link>,
    services: Arc<Services>,
    mut send: SendStream,
    mut recv: RecvStream,
) {
    let opened = async {
        let service = timeout(PREAMBLE_LIMIT, read_service(&mut recv))
            .await
            .map_err(|_| FlowEnd::Protocol)??;
        // A key that is not in the table is not counted: the peer could make up any number of them.
        let addresses = services
            .addresses(&service)
            .ok_or(FlowEnd::UnknownService)?;
        let guard = link.enter(send.id().into(), service.as_str().into());
        let dialled = dial(addresses).await;
        if dialled.as_ref().is_err_and(|end| end.is_refusal()) {
            guard.flow.stats.refuse();
        }
        Ok((guard, dialled?))
    };
    match opened.await {
        Ok((guard, tcp)) => run_flow(&link, guard, Ends { tcp, send, recv }).await,
        Err(end) => reset_streams(&mut send, &mut recv, end),
    }
}

/// Read the preamble of a flow.
async fn read_service(recv: &mut RecvStream) -> Result<String, FlowEnd> {
    match read_preamble(recv).await? {
        Preamble::Flow { service } => Ok(service),
        Preamble::Datagram { .. } => Err(FlowEnd::Protocol),
    }
}

/// Read the preamble of any stream. Not cancel-safe: the stream is of no use afterwards.
pub async fn read_preamble(recv: &mut RecvStream) -> Result<Preamble, FlowEnd> {
    let mut length = [0; 2];
    recv.read_exact(&mut length)
        .await
        .map_err(|_| FlowEnd::Protocol)?;
    let length = parse_length(length).map_err(|_| FlowEnd::Protocol)?;
    let mut archive = [0; MAX_ARCHIVE_BYTES];
    let archive = &mut archive[..length];
    recv.read_exact(archive)
        .await
        .map_err(|_| FlowEnd::Protocol)?;
    Preamble::parse(archive).map_err(|_| FlowEnd::Protocol)
}

/// Connect to the first address of a service that answers.
async fn dial(addresses: Vec<SocketAddr>) -> Result<TcpStream, FlowEnd> {
    let mut end = FlowEnd::Refused;
    for address in addresses {
        match timeout(DIAL_LIMIT, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => {
                tune(&tcp);
                return Ok(tcp);
            }
            Ok(Err(error)) if matches!(error.raw_os_error(), Some(23 | 24)) => end = FlowEnd::Limit,
            Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => end = FlowEnd::TimedOut,
            Ok(Err(_)) => {}
            Err(_) => end = FlowEnd::TimedOut,
        }
    }
    Err(end)
}
