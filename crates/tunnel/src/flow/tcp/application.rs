//! What is known about the end of our own application's socket.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// One application. Linux tells of a reset once: a write that fails with it, or the first read that
/// finds no more bytes; from then on reads see a plain end.
#[derive(Default)]
pub struct Local {
    is_gone: AtomicBool,
    is_reset: AtomicBool,
    gone: Notify,
}

impl Local {
    /// The application takes no more.
    pub fn note_gone(&self) {
        self.is_gone.store(true, Relaxed);
        self.gone.notify_one();
    }

    /// Whether the application takes no more.
    pub fn is_gone(&self) -> bool {
        self.is_gone.load(Relaxed)
    }

    /// Completes when the application takes no more; for one waiter. Cancel-safe.
    pub async fn gone(&self) {
        self.gone.notified().await;
    }

    /// A read or a write failed: the application takes no more. EPIPE is a reset after its FIN, and
    /// that is what reading ends with.
    pub fn note_failure(&self, error: &io::Error) {
        if error.kind() != io::ErrorKind::BrokenPipe {
            self.is_reset.store(true, Relaxed);
        }
        self.note_gone();
    }

    /// Whether the end that reading sees is a reset.
    pub fn is_reset(&self) -> bool {
        self.is_reset.load(Relaxed)
    }

    /// Completes when the kernel says that the connection is broken. Cancel-safe.
    pub async fn wait_broken(&self, tcp: &TcpStream) {
        let _ = tcp.ready(Interest::ERROR).await;
    }
}
