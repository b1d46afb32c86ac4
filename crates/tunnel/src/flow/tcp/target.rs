//! Target: accept streams, and connect each to the service that it names.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::RecvStream;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::application::Application;
use super::buffers::{bound, tune};
use super::carry::{Stream, run_flow};
use super::door::{self, DOOR};
use super::flows::{Flow, Flows};
use crate::error::FlowEnd;
use crate::flow::owner::OwnerCheck;
use crate::flow::services::{Service, Services};
use crate::flow::streams::read_preamble;
use crate::flow::wire::Preamble;
use crate::net::diag::Proto;

/// A stream without a preamble is not kept longer.
const PREAMBLE_LIMIT: Duration = Duration::from_secs(10);
/// The service is on this machine: it answers at once, or its backlog is full.
const DIAL_LIMIT: Duration = Duration::from_secs(5);
/// Pauses before a service that refuses is dialled again: it may be about to open its port once more,
/// as iperf3 does after each test. Under load that window was met in 2 of 150 tests, 2026-11; the whole
/// is 315 ms.
const PAUSES_MS: [u64; 6] = [5, 10, 20, 40, 80, 160];
const EINPROGRESS: i32 = 115;

/// What the streams of one connection may be connected to.
#[derive(Clone)]
struct Dialer {
    flows: Arc<Flows>,
    services: Arc<Services>,
    owners: Arc<OwnerCheck>,
}

/// Serve the streams that the host opens, until the connection ends.
pub async fn run_serve(flows: Arc<Flows>, services: Arc<Services>, owners: Arc<OwnerCheck>) {
    let dialer = Dialer {
        flows,
        services,
        owners,
    };
    while let Ok((send, recv)) = dialer.flows.connection.accept_bi().await {
        tokio::spawn(run_stream(dialer.clone(), Stream { send, recv }));
    }
}

async fn run_stream(dialer: Dialer, mut stream: Stream) {
    match dialer.open(&mut stream).await {
        Ok((flow, app)) => run_flow(flow, stream, app).await,
        Err(end) => stream.reset(end),
    }
}

impl Dialer {
    /// Connect a stream to what its preamble names.
    async fn open(&self, stream: &mut Stream) -> Result<(Flow, Application), FlowEnd> {
        let id = stream.send.id().into();
        let key = timeout(PREAMBLE_LIMIT, read_service(&mut stream.recv))
            .await
            .map_err(|_| FlowEnd::Protocol)??;
        if key == DOOR {
            let app = Application::new(door::dial(&self.services).await?);
            return Ok((self.flows.enter(id, DOOR.into()), app));
        }
        // A key that is not in the table is not counted: the peer could make up any number of them.
        let service = self.services.find(&key).ok_or(FlowEnd::UnknownService)?;
        let flow = self.flows.enter(id, key.as_str().into());
        let dialled = dial(&key, &service, &self.owners).await;
        if dialled.as_ref().is_err_and(|end| end.is_refusal()) {
            flow.refuse();
        }
        Ok((flow, dialled?))
    }
}

/// Read the preamble of a flow.
async fn read_service(recv: &mut RecvStream) -> Result<String, FlowEnd> {
    match read_preamble(recv).await? {
        Preamble::Flow { service } => Ok(service),
        Preamble::Datagram { .. } => Err(FlowEnd::Protocol),
    }
}

/// Connect to a service; try again for a moment if it refuses.
async fn dial(key: &str, service: &Service, owners: &OwnerCheck) -> Result<Application, FlowEnd> {
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
) -> Result<Application, FlowEnd> {
    let mut end = FlowEnd::Refused;
    for &address in &service.addresses {
        if let Err(refusal) = owners.judge(Proto::Tcp, key, service.owner, address, None) {
            end = refusal;
            continue;
        }
        match timeout(DIAL_LIMIT, connect(address)).await {
            Ok(Ok(app)) => {
                tune(&app.tcp);
                return Ok(app);
            }
            Ok(Err(error)) if matches!(error.raw_os_error(), Some(23 | 24)) => end = FlowEnd::Limit,
            Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => end = FlowEnd::TimedOut,
            Ok(Err(_)) => {}
            Err(_) => end = FlowEnd::TimedOut,
        }
    }
    Err(end)
}

/// Connect. Not by tokio's connect, which fails if the service greets and resets at once.
async fn connect(address: SocketAddr) -> io::Result<Application> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    bound(&SockRef::from(&socket));
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(EINPROGRESS) => return Err(error),
        _ => {}
    }
    let tcp = TcpStream::from_std(socket.into())?;
    tcp.writable().await?;
    let app = Application::new(tcp);
    match app.tcp.take_error()? {
        Some(error) if !is_end(&error) => return Err(error),
        Some(error) => app.note_failure(&error),
        None => {}
    }
    Ok(app)
}

/// Return whether a connection was up before this error.
fn is_end(error: &io::Error) -> bool {
    let kind = error.kind();
    matches!(
        kind,
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}
