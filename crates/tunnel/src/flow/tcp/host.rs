//! The host's side: takes connections off a binding and opens a stream for each.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quinn::{RecvStream, SendStream};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::application::Local;
use super::buffers::{bound, tune};
use super::carry::{Ends, reset_streams, run_flow};
use crate::conn::link::Link;
use crate::error::{FlowEnd, LinkError};
use crate::flow::peer::is_own;
use crate::flow::wire::Preamble;
use crate::lock::lock;
use crate::net::diag::Proto;

/// Out of places, descriptors or memory: look again after this.
const PAUSE: Duration = Duration::from_millis(50);

/// A connection that finds no stream for so long is reset.
const OPEN_LIMIT: Duration = Duration::from_secs(10);

/// Of the data that go out with the preamble; most requests are shorter.
const FIRST_BYTES: usize = 4096;

/// Take connections from a shared listening socket until cancelled. Cancel-safe.
/// `own_user`: reset those of other users.
pub async fn run_accept(
    link: Arc<Link>,
    listener: TcpListener,
    service: String,
    own_user: bool,
) -> LinkError {
    let service: Arc<str> = service.into();
    let preamble = match (Preamble::Flow {
        service: service.to_string(),
    })
    .encode()
    {
        Ok(bytes) => Bytes::from(bytes),
        Err(error) => return LinkError::new("bad-service", error),
    };
    bound(&SockRef::from(&listener));
    loop {
        if link.places.available_permits() == 0 {
            tokio::time::sleep(PAUSE).await; // the backlog holds them meanwhile
            continue;
        }
        match listener.accept().await {
            Ok((tcp, peer)) => {
                tune(&tcp);
                if own_user && !is_own(Proto::Tcp, tcp.local_addr(), peer) {
                    link.stats.service(&service).refuse();
                    continue; // which resets the connection
                }
                tokio::spawn(run_connection(
                    link.clone(),
                    tcp,
                    service.clone(),
                    preamble.clone(),
                ));
            }
            Err(error) if is_final(&error) => return LinkError::new("accept", error),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Whether accept will never work again: not a listening socket any more. All else is of one
/// connection or passes, see accept(2): a binding that stopped for it would let its callers hang.
fn is_final(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(9 | 22 | 88 | 95)) // EBADF EINVAL ENOTSOCK EOPNOTSUPP
}

/// Carry one connection to the service that the preamble names.
pub async fn run_connection(link: Arc<Link>, tcp: TcpStream, service: Arc<str>, preamble: Bytes) {
    let Some((_place, mut send, mut recv)) = open(&link).await else {
        return; // which resets the connection
    };
    let guard = link.enter(send.id().into(), service);
    // The preamble goes out with the first data, if the application has sent any by now.
    let local = Local::default();
    let first = read_first(&tcp, &local);
    lock(&guard.flow.send).take(first.len() as u64);
    guard.flow.stats.add(true, first.len() as u64);
    if send.write_all_chunks(&mut [preamble, first]).await.is_err() {
        reset_streams(&mut send, &mut recv, FlowEnd::Dropped);
        return;
    }
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

/// A place among the flows, and a stream.
async fn open(link: &Link) -> Option<(OwnedSemaphorePermit, SendStream, RecvStream)> {
    let opened = timeout(OPEN_LIMIT, async {
        let place = link.places.clone().acquire_owned().await.ok()?;
        let (send, recv) = link.connection.open_bi().await.ok()?;
        Some((place, send, recv))
    });
    opened.await.ok().flatten()
}

/// What has come by now. Not through tokio, which does not know yet that there is any; an end is
/// seen again by whoever reads next, a reset is not.
fn read_first(tcp: &TcpStream, local: &Local) -> Bytes {
    let mut buffer = [0; FIRST_BYTES];
    match (&*SockRef::from(tcp)).read(&mut buffer) {
        Ok(len) => Bytes::copy_from_slice(&buffer[..len]),
        Err(error) => {
            if error.kind() != io::ErrorKind::WouldBlock {
                local.note_failure(&error);
            }
            Bytes::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_socket_that_is_none_ends_a_binding() {
        for passing in [1, 23, 24, 71, 100, 103, 105] {
            assert!(!is_final(&io::Error::from_raw_os_error(passing)));
        }
        assert!(is_final(&io::Error::from_raw_os_error(22)));
    }
}
