"""Whether this machine slept, or our process did. Pure."""

from __future__ import annotations

SLEPT_S = 2.0  # CLOCK_BOOTTIME ran so far ahead of CLOCK_MONOTONIC: the machine was suspended
LATE_S = 5.0  # a tick came so late: the process was stopped, or the machine starved


class WakeDetector:
    """Compares the clocks at each tick."""

    def __init__(self, monotonic_s: float, boottime_s: float, period_s: float) -> None:
        self._monotonic_s = monotonic_s
        self._boottime_s = boottime_s
        self._period_s = period_s

    def is_woken(self, monotonic_s: float, boottime_s: float) -> bool:
        """Return whether time was missing since the last call."""
        awake_s = monotonic_s - self._monotonic_s
        passed_s = boottime_s - self._boottime_s
        self._monotonic_s, self._boottime_s = monotonic_s, boottime_s
        return passed_s - awake_s > SLEPT_S or awake_s - self._period_s >= LATE_S
