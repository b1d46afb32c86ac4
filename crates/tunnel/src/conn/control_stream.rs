//! Introduce the sides on the first stream of a connection, and then carry grants and associations.

use std::net::SocketAddr;
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use subtle::ConstantTimeEq;
use tokio::time::timeout;

use super::tls::Fingerprint;
use crate::error::LinkError;
use crate::flow::outbox::Outbox;
use crate::flow::streams::read_archive;
use crate::flow::wire::{MAX_ARCHIVE_BYTES, Message};
use crate::net::gate::ANNOUNCED_ID_BYTES;

/// An introduction takes one round trip; this is for the worst path.
const INTRODUCTION_LIMIT: Duration = Duration::from_secs(5);
/// Control messages overtake payload that waits.
const PRIORITY: i32 = 10;
/// Addresses of a peer that are tried.
pub const MAX_PEER_ADDRESSES: usize = 8;

/// What was exchanged over SSH.
#[derive(Clone)]
pub struct Introduction {
    /// Of the peer's certificate.
    pub fingerprint: Fingerprint,
    /// The one-time secret.
    pub secret: [u8; 32],
    /// Of the first packet.
    pub connection_id: [u8; ANNOUNCED_ID_BYTES],
    /// Where the peer may be.
    pub addresses: Vec<SocketAddr>,
    /// How long the connection outlives silence.
    pub lease: Duration,
}

fn trouble(detail: impl ToString) -> LinkError {
    LinkError::new("introduction", detail)
}

/// Both directions of the control stream.
pub struct ControlStream {
    /// Towards the peer.
    pub send: SendStream,
    /// From the peer.
    pub recv: RecvStream,
}

impl ControlStream {
    /// Host: send the secret, and wait for the welcome.
    pub async fn open(connection: &quinn::Connection, secret: [u8; 32]) -> Result<Self, LinkError> {
        let talk = async {
            let (send, recv) = connection.open_bi().await.map_err(trouble)?;
            let mut stream = Self { send, recv };
            stream.write(&Message::Hello { secret }).await?;
            match read(&mut stream.recv).await? {
                Message::Welcome => Ok(stream),
                _ => Err(trouble("no welcome")),
            }
        };
        let done = timeout(INTRODUCTION_LIMIT, talk).await.map_err(trouble)?;
        // A target that refuses our certificate does so after our side of the handshake is over: the
        // stream only reports that the connection is lost.
        let stream = done.map_err(|error| connection.close_reason().map_or(error, trouble))?;
        let _ = stream.send.set_priority(PRIORITY);
        Ok(stream)
    }

    /// Target: check the secret, and welcome the host.
    pub async fn accept(
        connection: &quinn::Connection,
        secret: &[u8; 32],
    ) -> Result<Self, LinkError> {
        let talk = async {
            let (send, recv) = connection.accept_bi().await.map_err(trouble)?;
            let mut stream = Self { send, recv };
            let Message::Hello { secret: sent } = read(&mut stream.recv).await? else {
                return Err(LinkError::new("wrong-secret", "another message came first"));
            };
            if !bool::from(sent.ct_eq(secret)) {
                return Err(LinkError::new("wrong-secret", "the secret does not match"));
            }
            stream.write(&Message::Welcome).await?;
            Ok(stream)
        };
        let stream = timeout(INTRODUCTION_LIMIT, talk).await.map_err(trouble)??;
        let _ = stream.send.set_priority(PRIORITY);
        Ok(stream)
    }

    async fn write(&mut self, message: &Message) -> Result<(), LinkError> {
        let bytes = message.encode().map_err(trouble)?;
        self.send.write_all(&bytes).await.map_err(trouble)
    }
}

/// Read one message. Not cancel-safe.
pub async fn read(recv: &mut RecvStream) -> Result<Message, LinkError> {
    let mut archive = [0; MAX_ARCHIVE_BYTES];
    let archive = read_archive(recv, &mut archive).await.map_err(trouble)?;
    Message::parse(archive).map_err(trouble)
}

/// Send what is queued, until the stream ends.
pub async fn run_write(outbox: &Outbox, send: &mut SendStream) -> LinkError {
    loop {
        let mut bytes = Vec::new();
        for message in outbox.next_messages().await {
            match message.encode() {
                Ok(more) => bytes.extend(more),
                Err(error) => return trouble(error),
            }
        }
        if let Err(error) = send.write_all(&bytes).await {
            return trouble(error);
        }
    }
}
