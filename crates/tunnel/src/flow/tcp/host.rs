//! Host: accept the connections of a binding, and open a stream for each.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::application::Application;
use super::buffers::{bound, tune};
use super::carry::{Stream, run_flow};
use super::flows::Flows;
use crate::error::{FlowEnd, LinkError};
use crate::flow::owner::is_own;
use crate::flow::wire::Preamble;
use crate::net::diag::Proto;

/// How long to wait when there are no places, descriptors or memory.
const PAUSE: Duration = Duration::from_millis(50);

/// A connection that finds no stream for so long is reset.
const OPEN_LIMIT: Duration = Duration::from_secs(10);

/// Data that may leave with the preamble; most requests are shorter.
const FIRST_BYTES: usize = 4096;

/// Accept connections on a shared listening socket until cancelled. Cancel-safe.
/// `own_user`: reset those of other users.
pub async fn run_accept(
    flows: Arc<Flows>,
    listener: TcpListener,
    service: String,
    own_user: bool,
) -> LinkError {
    let service: Arc<str> = service.into();
    let preamble = match encode_preamble(&service) {
        Ok(bytes) => bytes,
        Err(error) => return error,
    };
    bound(&SockRef::from(&listener));
    loop {
        if flows.places.available_permits() == 0 {
            tokio::time::sleep(PAUSE).await; // the backlog holds them meanwhile
            continue;
        }
        match listener.accept().await {
            Ok((tcp, peer)) => {
                tune(&tcp);
                if own_user && !is_own(Proto::Tcp, tcp.local_addr(), peer) {
                    flows.stats.service(&service).refuse();
                    continue; // which resets the connection
                }
                let (flows, service) = (flows.clone(), service.clone());
                tokio::spawn(run_connection(flows, tcp, service, preamble.clone()));
            }
            Err(error) if is_final(&error) => return LinkError::new("accept", error),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Carry one connection of our own to a service.
pub fn start_connection(
    flows: &Arc<Flows>,
    tcp: TcpStream,
    service: &str,
) -> Result<(), LinkError> {
    let preamble = encode_preamble(service)?;
    tokio::spawn(run_connection(flows.clone(), tcp, service.into(), preamble));
    Ok(())
}

fn encode_preamble(service: &str) -> Result<Bytes, LinkError> {
    let service = service.to_owned();
    let encoded = Preamble::Flow { service }.encode();
    encoded
        .map(Bytes::from)
        .map_err(|error| LinkError::new("bad-service", error))
}

/// Return whether accept fails for good: the socket does not listen any more. All else is about one
/// connection or passes, see accept(2): a binding that stopped for it would let its callers hang.
fn is_final(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(9 | 22 | 88 | 95)) // EBADF EINVAL ENOTSOCK EOPNOTSUPP
}

/// Carry one connection to the service that the preamble names.
async fn run_connection(flows: Arc<Flows>, tcp: TcpStream, service: Arc<str>, preamble: Bytes) {
    let Some((_place, mut stream)) = open(&flows).await else {
        return; // which resets the connection
    };
    let flow = flows.enter(stream.send.id().into(), service);
    // The preamble leaves with the first data, if the application has sent any by now.
    let app = Application::new(tcp);
    let first = read_first(&app);
    flow.note_sent(first.len() as u64);
    let mut chunks = [preamble, first];
    if stream.send.write_all_chunks(&mut chunks).await.is_err() {
        return stream.reset(FlowEnd::Dropped);
    }
    run_flow(flow, stream, app).await;
}

/// Take a place among the flows, and open a stream.
async fn open(flows: &Flows) -> Option<(OwnedSemaphorePermit, Stream)> {
    let opened = timeout(OPEN_LIMIT, async {
        let place = flows.places.clone().acquire_owned().await.ok()?;
        let (send, recv) = flows.connection.open_bi().await.ok()?;
        Some((place, Stream { send, recv }))
    });
    opened.await.ok().flatten()
}

/// Read what has come by now. Not through tokio, which has not yet learned that there is any. The next
/// read sees an end again, but not a reset.
fn read_first(app: &Application) -> Bytes {
    let mut buffer = [0; FIRST_BYTES];
    match (&*SockRef::from(&app.tcp)).read(&mut buffer) {
        Ok(len) => Bytes::copy_from_slice(&buffer[..len]),
        Err(error) => {
            if error.kind() != io::ErrorKind::WouldBlock {
                app.note_failure(&error);
            }
            Bytes::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_socket_that_does_not_listen_ends_a_binding() {
        for passing in [1, 23, 24, 71, 100, 103, 105] {
            assert!(!is_final(&io::Error::from_raw_os_error(passing)));
        }
        assert!(is_final(&io::Error::from_raw_os_error(22)));
    }
}
