//! Move datagrams between the two sidecars.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quinn::{Connection, RecvStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::datagram::{MAX_PAYLOAD_BYTES, Packet, Reassembly, parse_packet, split};
use crate::error::FlowEnd;
use crate::flow::outbox::Outbox;
use crate::flow::stats::Stats;
use crate::flow::streams::read_preamble;
use crate::flow::wire::Preamble;

/// A large datagram that takes longer is useless.
const LARGE_LIMIT: Duration = Duration::from_secs(1);
/// Datagrams too large for fragments that wait or are under way: 16 MiB. More are lost.
const MAX_LARGE_DATAGRAMS: usize = 256;

/// What came from the peer for an association.
pub enum Arrival {
    /// A fragment, or a datagram of one fragment.
    Part {
        number: u16,
        index: u8,
        count: u8,
        payload: Bytes,
    },
    /// A datagram that came on its own stream.
    Whole(Bytes),
}

impl Arrival {
    /// Return the datagram if this completes it.
    pub fn complete(self, reassembly: &mut Reassembly, now: Instant) -> Option<Bytes> {
        match self {
            Self::Whole(payload) => Some(payload),
            Self::Part {
                number,
                index,
                count,
                payload,
            } => reassembly.take(number, index, count, payload, now),
        }
    }
}

/// Delivers what the peer sent, on either side.
pub trait Deliver: Send + Sync {
    /// Pass an arrival to the association's socket.
    fn deliver(&self, association: u32, arrival: Arrival, now: Instant);
}

/// What the associations of one connection share.
pub struct Carrier {
    /// Counters by service.
    pub stats: Arc<Stats>,
    /// Messages about associations.
    pub outbox: Arc<Outbox>,
    connection: Connection,
    /// A permit for each large datagram that may be on its way out.
    large: Arc<Semaphore>,
}

impl Carrier {
    /// Carry the datagrams of a connection that is up.
    pub fn new(connection: Connection, stats: Arc<Stats>, outbox: Arc<Outbox>) -> Arc<Self> {
        Arc::new(Self {
            stats,
            outbox,
            connection,
            large: Arc::new(Semaphore::new(MAX_LARGE_DATAGRAMS)),
        })
    }

    /// Send one datagram: as a packet, as fragments, or on its own stream.
    pub fn send(self: &Arc<Self>, association: u32, number: u16, payload: &[u8]) {
        let room = self.connection.max_datagram_size().unwrap_or(0);
        match split(payload, association, number, room) {
            Some(packets) => {
                for packet in packets {
                    let _ = self.connection.send_datagram(packet);
                }
            }
            None => {
                // Without a permit it is lost: a fast sender must not fill our memory.
                if let Ok(permit) = self.large.clone().try_acquire_owned() {
                    let payload = Bytes::copy_from_slice(payload);
                    let carrier = self.clone();
                    tokio::spawn(async move {
                        carrier.send_large(association, payload).await;
                        drop(permit);
                    });
                }
            }
        }
    }

    async fn send_large(&self, association: u32, payload: Bytes) {
        let Ok(preamble) = (Preamble::Datagram { id: association }).encode() else {
            return;
        };
        let Ok(Ok(mut stream)) = timeout(LARGE_LIMIT, self.connection.open_uni()).await else {
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

    /// Deliver all that comes to the associations, until the connection ends.
    pub async fn run_receive(&self, deliver: Arc<dyn Deliver>) {
        tokio::join!(self.run_datagrams(&*deliver), self.run_streams(&deliver));
    }

    async fn run_datagrams(&self, deliver: &dyn Deliver) {
        while let Ok(bytes) = self.connection.read_datagram().await {
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

    async fn run_streams(&self, deliver: &Arc<dyn Deliver>) {
        while let Ok(mut stream) = self.connection.accept_uni().await {
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
