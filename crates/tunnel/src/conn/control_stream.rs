//! The first stream of a connection: introduction, then grants and associations both ways.

use std::time::Duration;

use quinn::{RecvStream, SendStream};
use subtle::ConstantTimeEq;
use tokio::time::timeout;

use super::link::Link;
use crate::error::LinkError;
use crate::flow::wire::{MAX_ARCHIVE_BYTES, Message, parse_length};

/// An introduction takes one round trip; this is for the worst path.
const INTRODUCTION_LIMIT: Duration = Duration::from_secs(5);
/// Control messages overtake payload that waits.
const PRIORITY: i32 = 10;

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
    /// Host: say the secret, wait for the welcome.
    pub async fn introduce(
        connection: &quinn::Connection,
        secret: [u8; 32],
    ) -> Result<Self, LinkError> {
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
        // A target that refuses our certificate says so after our side of the handshake is over:
        // the stream only knows that the connection is lost.
        let stream = done.map_err(|error| connection.close_reason().map_or(error, trouble))?;
        let _ = stream.send.set_priority(PRIORITY);
        Ok(stream)
    }

    /// Target: hear the secret, welcome the host.
    pub async fn hear(
        connection: &quinn::Connection,
        secret: &[u8; 32],
    ) -> Result<Self, LinkError> {
        let talk = async {
            let (send, recv) = connection.accept_bi().await.map_err(trouble)?;
            let mut stream = Self { send, recv };
            let Message::Hello { secret: heard } = read(&mut stream.recv).await? else {
                return Err(LinkError::new("wrong-secret", "another message came first"));
            };
            if !bool::from(heard.ct_eq(secret)) {
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
    let mut length = [0; 2];
    recv.read_exact(&mut length).await.map_err(trouble)?;
    let length = parse_length(length).map_err(trouble)?;
    let mut archive = [0; MAX_ARCHIVE_BYTES];
    let archive = &mut archive[..length];
    recv.read_exact(archive).await.map_err(trouble)?;
    Message::parse(archive).map_err(trouble)
}

/// Send what the link queues, until the stream ends.
pub async fn run_write(link: &Link, send: &mut SendStream) -> LinkError {
    loop {
        let mut bytes = Vec::new();
        for message in link.next_messages().await {
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
