//! The host's side: takes connections off a binding and opens a stream for each.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};

use super::carry::{Ends, reset_socket, reset_streams, run_flow, tune};
use crate::error::{FlowEnd, LinkError};
use crate::link::{Link, lock};
use crate::transport::MAX_FLOWS;
use crate::wire::Preamble;

/// Out of descriptors or memory: look again after this.
const PAUSE: Duration = Duration::from_millis(50);

/// Of the data that go out with the preamble; most requests are shorter.
const FIRST_BYTES: usize = 4096;

/// Take connections from a shared listening socket until cancelled. Cancel-safe.
pub async fn run_accept(link: Arc<Link>, listener: TcpListener, service: String) -> LinkError {
    let service: Arc<str> = service.into();
    let preamble = match (Preamble::Flow {
        service: service.to_string(),
    })
    .encode()
    {
        Ok(bytes) => Bytes::from(bytes),
        Err(error) => return LinkError::new("bad-service", error),
    };
    loop {
        if link.open_flows() >= MAX_FLOWS as usize {
            tokio::time::sleep(PAUSE).await; // the backlog holds them meanwhile
            continue;
        }
        match listener.accept().await {
            Ok((tcp, _)) => {
                tokio::spawn(run_connection(
                    link.clone(),
                    tcp,
                    service.clone(),
                    preamble.clone(),
                ));
            }
            Err(error) if is_passing(&error) => tokio::time::sleep(PAUSE).await,
            Err(error) => return LinkError::new("accept", error),
        }
    }
}

/// Whether accept may work again soon: a connection that went away, or a limit.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        error.kind(),
        K::ConnectionAborted | K::Interrupted | K::OutOfMemory | K::WouldBlock
    ) || matches!(error.raw_os_error(), Some(23 | 24 | 105)) // ENFILE EMFILE ENOBUFS
}

async fn run_connection(link: Arc<Link>, tcp: TcpStream, service: Arc<str>, preamble: Bytes) {
    tune(&tcp);
    let Ok((mut send, mut recv)) = link.connection.open_bi().await else {
        reset_socket(&tcp);
        return;
    };
    let guard = link.enter(send.id().into(), service);
    // The preamble goes out with the first data, if the application has sent any by now.
    let first = read_first(&tcp);
    lock(&guard.flow.send).take(first.len() as u64);
    guard.flow.stats.add(true, first.len() as u64);
    if send.write_all_chunks(&mut [preamble, first]).await.is_err() {
        reset_streams(&mut send, &mut recv, FlowEnd::Dropped);
        reset_socket(&tcp);
        return;
    }
    run_flow(&link, guard, Ends { tcp, send, recv }).await;
}

/// What has come by now. Not through tokio, which does not know yet that there is any; an end or
/// an error is seen again by whoever reads next.
fn read_first(tcp: &TcpStream) -> Bytes {
    let mut buffer = [0; FIRST_BYTES];
    match (&*SockRef::from(tcp)).read(&mut buffer) {
        Ok(len) => Bytes::copy_from_slice(&buffer[..len]),
        Err(_) => Bytes::new(),
    }
}
