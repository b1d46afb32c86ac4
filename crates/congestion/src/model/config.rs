//! The numbers of the model that a user may set.

use std::time::Duration;

/// The numbers of the model. The defaults were chosen by the simulator and on an emulated WAN;
/// `docs/congestion.md` has the figures.
#[derive(Clone, Debug)]
pub struct ModelConfig {
    /// Window at the start, bytes: 32 packets, as other QUIC stacks begin.
    pub initial_window: u64,
    /// The window never exceeds this, bytes.
    pub max_window: u64,
    /// Gain of an ordinary round.
    pub cruise: f64,
    /// Gain of the round in which more is tried.
    pub probe: f64,
    /// Gain of the round after it, in which the queue drains.
    pub ease: f64,
    /// Ordinary rounds between two attempts.
    pub cruise_rounds: u32,
    /// Time for which there is always something in flight beyond the product: receivers
    /// acknowledge in clumps, timers of user space are late, and on a path without delay the
    /// machines themselves are the round trip.
    pub slack: Duration,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            initial_window: 32 * 1200,
            max_window: 256 << 20,
            cruise: 1.25,
            probe: 1.4,
            ease: 0.95,
            cruise_rounds: 6,
            slack: Duration::from_millis(4),
        }
    }
}
