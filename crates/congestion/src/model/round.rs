//! What is counted from one acknowledgement of a fresh packet to the next.

use crate::loss::RoundLoss;
use std::time::{Duration, Instant};

#[derive(Clone, Debug)]
pub(super) struct Round {
    pub(super) start: Instant,
    pub(super) loss: RoundLoss,
    pub(super) rtt: Option<Duration>,
    /// A packet sent in this round has been acknowledged.
    pub(super) over: bool,
    /// Bytes acknowledged by the message that is being read.
    pub(super) batch: u64,
    /// Their shortest round trip.
    pub(super) batch_rtt: Duration,
    /// The window was filled at least once.
    pub(super) filled: bool,
    /// The application had nothing to send at least once.
    pub(super) app_limited: bool,
    pub(super) window: u64,
}

impl Round {
    pub(super) fn new(start: Instant, window: u64) -> Self {
        Self {
            start,
            loss: RoundLoss::default(),
            rtt: None,
            over: false,
            batch: 0,
            batch_rtt: Duration::MAX,
            filled: false,
            app_limited: false,
            window,
        }
    }
}
