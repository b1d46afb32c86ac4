//! Moves datagrams between the two sidecars.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quinn::RecvStream;
use tokio::time::timeout;

use super::datagram::{MAX_PAYLOAD_BYTES, Packet, parse_packet, split};
use super::{Arrival, Deliver};
use crate::conn::link::Link;
use crate::error::FlowEnd;
use crate::flow::tcp::target::read_preamble;
use crate::flow::wire::Preamble;

/// A large datagram that takes longer is of no use any more.
const LARGE_LIMIT: Duration = Duration::from_secs(1);

/// Send one datagram: as a packet, as fragments, or on a stream of its own.
pub fn send(link: &Arc<Link>, association: u32, number: u16, payload: &[u8]) {
    let room = link.connection.max_datagram_size().unwrap_or(0);
    match split(payload, association, number, room) {
        Some(packets) => {
            for packet in packets {
                let _ = link.connection.send_datagram(packet);
            }
        }
        None => {
            // Without a place it is lost: a fast sender must not fill our memory.
            if let Ok(place) = link.large_datagrams.clone().try_acquire_owned() {
                let payload = Bytes::copy_from_slice(payload);
                let link = link.clone();
                tokio::spawn(async move {
                    send_large(&link, association, payload).await;
                    drop(place);
                });
            }
        }
    }
}

async fn send_large(link: &Link, association: u32, payload: Bytes) {
    let Ok(preamble) = (Preamble::Datagram { id: association }).encode() else {
        return;
    };
    let Ok(Ok(mut stream)) = timeout(LARGE_LIMIT, link.connection.open_uni()).await else {
        return;
    };
    let send = async {
        stream
            .write_all_chunks(&mut [preamble.into(), payload])
            .await
            .ok()?;
        stream.finish().ok()?;
        stream.stopped().await.ok()
    };
    if timeout(LARGE_LIMIT, send).await.is_err() {
        let _ = stream.reset(FlowEnd::TimedOut.code());
    }
}

/// Hand all that comes to the associations, until the connection ends.
pub async fn run_receive(link: Arc<Link>, deliver: Arc<dyn Deliver>) {
    tokio::join!(
        run_datagrams(&link, &*deliver),
        run_streams(&link, &deliver)
    );
}

async fn run_datagrams(link: &Link, deliver: &dyn Deliver) {
    while let Ok(bytes) = link.connection.read_datagram().await {
        if let Some(Packet::Part {
            association,
            number,
            index,
            count,
            payload,
        }) = parse_packet(bytes)
        {
            let part = Arrival::Part {
                number,
                index,
                count,
                payload,
            };
            deliver.deliver(association, part, Instant::now());
        }
    }
}

async fn run_streams(link: &Link, deliver: &Arc<dyn Deliver>) {
    while let Ok(mut stream) = link.connection.accept_uni().await {
        let deliver = deliver.clone();
        tokio::spawn(async move {
            let read = timeout(2 * LARGE_LIMIT, read_large(&mut stream)).await;
            if let Ok(Ok((association, payload))) = read {
                deliver.deliver(association, Arrival::Whole(payload), Instant::now());
            } else {
                let _ = stream.stop(FlowEnd::TimedOut.code());
            }
        });
    }
}

async fn read_large(stream: &mut RecvStream) -> Result<(u32, Bytes), FlowEnd> {
    let Preamble::Datagram { id } = read_preamble(stream).await? else {
        return Err(FlowEnd::Protocol);
    };
    let payload = stream
        .read_to_end(MAX_PAYLOAD_BYTES)
        .await
        .map_err(|_| FlowEnd::Protocol)?;
    Ok((id, payload.into()))
}
