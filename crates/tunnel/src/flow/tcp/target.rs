//! The target's side: takes streams, dials the service they name.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::application::Local;
use super::buffers::{bound, tune};
use super::carry::{Ends, reset_streams, run_flow};
use super::door::{self, DOOR};
use crate::conn::link::Link;
use crate::error::FlowEnd;
use crate::flow::owner::OwnerCheck;
use crate::flow::services::{Service, Services};
use crate::flow::wire::{MAX_ARCHIVE_BYTES, Preamble, parse_length};
use crate::net::diag::Proto;

/// A stream that says nothing is not kept.
const PREAMBLE_LIMIT: Duration = Duration::from_secs(10);
/// The service is on this machine: it answers at once, or its backlog is full.
const DIAL_LIMIT: Duration = Duration::from_secs(5);
/// A service that refuses is asked again after these: it may open its port anew, as iperf3 does after
/// each test. Under load that window was met in 2 of 150 tests, 2026-11; the whole is 315 ms.
const PAUSES_MS: [u64; 6] = [5, 10, 20, 40, 80, 160];
const EINPROGRESS: i32 = 115;

/// Serve the streams that the host opens, until the connection ends.
pub async fn run_serve(link: Arc<Link>, services: Arc<Services>, owners: Arc<OwnerCheck>) {
    while let Ok((send, recv)) = link.connection.accept_bi().await {
        let (services, owners) = (services.clone(), owners.clone());
        tokio::spawn(run_stream(link.clone(), services, owners, send, recv));
    }
}

async fn run_stream(
    link: Arc<Link>,
    services: Arc<Services>,
    owners: Arc<OwnerCheck>,
    mut send: SendStream,
    mut recv: RecvStream,
) {
    let opened = async {
        let key = timeout(PREAMBLE_LIMIT, read_service(&mut recv))
            .await
            .map_err(|_| FlowEnd::Protocol)??;
        if key == DOOR {
            let stream = door::dial(&services).await?;
            let opened = (stream, Local::default());
            return Ok((link.enter(send.id().into(), DOOR.into()), opened));
        }
        // A key that is not in the table is not counted: the peer could make up any number of them.
        let service = services.find(&key).ok_or(FlowEnd::UnknownService)?;
        let guard = link.enter(send.id().into(), key.as_str().into());
        let dialled = dial(&key, &service, &owners).await;
        if dialled.as_ref().is_err_and(|end| end.is_refusal()) {
            guard.flow.stats.refuse();
        }
        Ok((guard, dialled?))
    };
    match opened.await {
        Ok((guard, (tcp, local))) => {
            run_flow(
                &link,
                guard,
                Ends {
                    tcp,
                    send,
                    recv,
                    local,
                },
            )
            .await;
        }
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

/// Connect to a service, within a moment if it refuses.
async fn dial(
    key: &str,
    service: &Service,
    owners: &OwnerCheck,
) -> Result<(TcpStream, Local), FlowEnd> {
    for pause in PAUSES_MS {
        match dial_once(key, service, owners).await {
            Err(FlowEnd::Refused) => sleep(Duration::from_millis(pause)).await,
            dialled => return dialled,
        }
    }
    dial_once(key, service, owners).await
}

/// Connect to the first address of a service that answers.
async fn dial_once(
    key: &str,
    service: &Service,
    owners: &OwnerCheck,
) -> Result<(TcpStream, Local), FlowEnd> {
    let mut end = FlowEnd::Refused;
    for &address in &service.addresses {
        if let Err(refusal) = owners.judge(Proto::Tcp, key, service.owner, address, None) {
            end = refusal;
            continue;
        }
        match timeout(DIAL_LIMIT, connect(address)).await {
            Ok(Ok((tcp, local))) => {
                tune(&tcp);
                return Ok((tcp, local));
            }
            Ok(Err(error)) if matches!(error.raw_os_error(), Some(23 | 24)) => end = FlowEnd::Limit,
            Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => end = FlowEnd::TimedOut,
            Ok(Err(_)) => {}
            Err(_) => end = FlowEnd::TimedOut,
        }
    }
    Err(end)
}

/// Not through tokio's connect, for which a service that greets and resets at once was never there.
async fn connect(address: SocketAddr) -> io::Result<(TcpStream, Local)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    bound(&SockRef::from(&socket));
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(EINPROGRESS) => return Err(error),
        _ => {}
    }
    let tcp = TcpStream::from_std(socket.into())?;
    tcp.writable().await?;
    let local = Local::default();
    match tcp.take_error()? {
        Some(error) if !is_end(&error) => return Err(error),
        Some(error) => local.note_failure(&error),
        None => {}
    }
    Ok((tcp, local))
}

/// Whether a connection was there before this error.
fn is_end(error: &io::Error) -> bool {
    let kind = error.kind();
    matches!(
        kind,
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}
