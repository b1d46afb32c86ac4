"""The session's clock: a tick every half second, and a word when time was missing. I/O."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from port_linker import clock
from port_linker.session.wake import WakeDetector

logger = logging.getLogger(__name__)

TICK_S = 0.5


async def run_pulse(on_tick: Callable[[], None], on_wake: Callable[[], None]) -> None:
    """Call on_tick until cancelled, and on_wake before it if the machine or the process slept."""
    detector = WakeDetector(clock.monotonic_s(), clock.boottime_s(), TICK_S)
    while True:
        await asyncio.sleep(TICK_S)
        if detector.is_woken(clock.monotonic_s(), clock.boottime_s()):
            logger.info("this machine slept, or the process was stopped")
            on_wake()
        on_tick()
