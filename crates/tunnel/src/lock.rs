//! Lock shared state.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lock, even after a panic of another holder: the data are counters and maps, never half-made.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
