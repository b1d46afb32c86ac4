//! Track the two applications of a flow: ours by its socket, the peer's by what the peer sends about it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};

/// Our application. Linux reports a reset once: by a write that fails with it, or by the first read that
/// finds no more bytes. From then on reads return a plain end.
pub struct Application {
    /// Its socket.
    pub tcp: TcpStream,
    is_gone: AtomicBool,
    is_reset: AtomicBool,
    gone: Notify,
}

impl Application {
    /// Take over a connection that is up.
    pub fn new(tcp: TcpStream) -> Self {
        Self {
            tcp,
            is_gone: AtomicBool::new(false),
            is_reset: AtomicBool::new(false),
            gone: Notify::new(),
        }
    }

    /// Note that the application takes no more.
    pub fn note_gone(&self) {
        self.is_gone.store(true, Relaxed);
        self.gone.notify_one();
    }

    /// Return whether the application takes no more.
    pub fn is_gone(&self) -> bool {
        self.is_gone.load(Relaxed)
    }

    /// Complete when the application takes no more; for one waiter. Cancel-safe.
    pub async fn gone(&self) {
        self.gone.notified().await;
    }

    /// Note that a read or a write failed: the application takes no more. EPIPE is a reset after its
    /// FIN, and that is what reading ends with.
    pub fn note_failure(&self, error: &io::Error) {
        if error.kind() != io::ErrorKind::BrokenPipe {
            self.is_reset.store(true, Relaxed);
        }
        self.note_gone();
    }

    /// Return whether the end of reading is a reset.
    pub fn is_reset(&self) -> bool {
        self.is_reset.load(Relaxed)
    }

    /// Complete when the kernel reports that the connection is broken. Cancel-safe.
    pub async fn broken(&self) {
        let _ = self.tcp.ready(Interest::ERROR).await;
    }
}

/// What the peer sent about the end of its application, see `Message::Gone`.
#[derive(Clone, Copy, Debug, Default)]
struct PeerEnd {
    is_gone: bool,
    end: Option<u64>,
}

/// The peer's application.
#[derive(Default)]
pub struct PeerApplication {
    end: watch::Sender<PeerEnd>,
}

impl PeerApplication {
    /// Note that the application was reset. Its stream ends at `end`, or with a FIN.
    pub fn note_gone(&self, end: Option<u64>) {
        self.end.send_modify(|peer| {
            peer.is_gone = true;
            peer.end = end.or(peer.end);
        });
    }

    /// Return whether the application takes no more.
    pub fn is_gone(&self) -> bool {
        self.end.borrow().is_gone
    }

    /// Complete when the application takes no more. Cancel-safe.
    pub async fn gone(&self) {
        let _ = self.end.subscribe().wait_for(|peer| peer.is_gone).await;
    }

    /// Complete when nothing comes after this offset but a reset. Cancel-safe.
    pub async fn ends(&self, offset: u64) {
        let is_end = |peer: &PeerEnd| peer.end.is_some_and(|end| end <= offset);
        let _ = self.end.subscribe().wait_for(is_end).await;
    }
}
