"""The seam to time: what the clocks say now. Runs on Python 3.9."""

from __future__ import annotations

import time


def monotonic_s() -> float:
    """Seconds that do not count a suspended machine (CLOCK_MONOTONIC)."""
    return time.monotonic()


def boottime_s() -> float:
    """Seconds that count a suspended machine too (CLOCK_BOOTTIME); elsewhere the wall clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.time() if clock is None else time.clock_gettime(clock)


def wall_s() -> float:
    """Seconds since 1970 UTC."""
    return time.time()
