//! Carry the stdio link inside one flow to the agent's own socket, its door, while ssh is gone.
//!
//! The agent asks each client of that socket for the session's token. The sidecar only connects them.

use std::io;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::flows::Flows;
use super::host::start_connection;
use crate::error::{FlowEnd, LinkError};
use crate::flow::services::Services;

/// The service key of a flow to the door; no service has it.
pub const DOOR: &str = "door";
/// The agent accepts at once, or hangs.
const DIAL_LIMIT: Duration = Duration::from_secs(5);

/// Parse an address: a path, or "@name" for an abstract socket.
pub fn parse_address(text: &str) -> io::Result<SocketAddr> {
    match text.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(text),
    }
}

/// Host: carry this stream to the target's door.
pub fn enter(flows: &Arc<Flows>, descriptor: OwnedFd) -> Result<(), LinkError> {
    let stream = to_stream(descriptor).map_err(|error| LinkError::new("bad-descriptor", error))?;
    start_connection(flows, stream, DOOR)
}

/// Target: connect to the agent. Fails before the agent has named its door.
pub async fn dial(services: &Services) -> Result<TcpStream, FlowEnd> {
    let address = services.door().ok_or(FlowEnd::UnknownService)?;
    // In a thread: connect(2) waits when the backlog is full.
    let dialled = tokio::task::spawn_blocking(move || UnixStream::connect_addr(&address));
    match timeout(DIAL_LIMIT, dialled).await {
        Ok(Ok(Ok(stream))) => to_stream(stream.into()).map_err(|_| FlowEnd::Limit),
        Ok(_) => Err(FlowEnd::Refused),
        Err(_) => Err(FlowEnd::TimedOut),
    }
}

/// Wrap a Unix stream socket as flows need it. All that they do with it (read, write, shut one half
/// down, ask for room) every stream socket can.
fn to_stream(descriptor: OwnedFd) -> io::Result<TcpStream> {
    let stream = std::net::TcpStream::from(descriptor);
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_door_that_nobody_named_is_no_service() {
        let services = Services::default();
        assert!(matches!(
            dial(&services).await,
            Err(FlowEnd::UnknownService)
        ));
    }

    #[tokio::test]
    async fn bytes_pass_both_ways_and_halves_end_alone() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (mut ours, mut theirs) = (
            to_stream(ours.into()).unwrap(),
            to_stream(theirs.into()).unwrap(),
        );
        ours.write_all(b"hello").await.unwrap();
        ours.shutdown().await.unwrap();
        let mut got = Vec::new();
        theirs.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"hello");
        theirs.write_all(b"bye").await.unwrap();
        drop(theirs);
        got.clear();
        ours.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"bye");
    }

    #[test]
    fn an_abstract_name_is_written_as_ss_does() {
        let address = parse_address("@port-linker-0-ab").unwrap();
        assert_eq!(address.as_abstract_name(), Some(&b"port-linker-0-ab"[..]));
        let path = parse_address("/run/agent.sock").unwrap();
        assert_eq!(
            path.as_pathname().and_then(|p| p.to_str()),
            Some("/run/agent.sock")
        );
    }
}
