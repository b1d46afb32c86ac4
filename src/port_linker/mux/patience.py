"""Waits for as long as a count goes on changing. I/O; runs on Python 3.9."""

from __future__ import annotations

import asyncio
from typing import Callable, Optional

from port_linker.mux.engine import Engine

LOOK_S = 1.0


class Patience:
    """Calls on_over when nothing moved for limit_s over a link that lives."""

    def __init__(
        self, engine: Engine, count: Callable[[], int], limit_s: float, on_over: Callable[[], None]
    ) -> None:
        self._engine, self._count, self._on_over = engine, count, on_over
        self._limit_s = limit_s
        self._loop = asyncio.get_running_loop()
        self._timer: Optional[asyncio.TimerHandle] = None
        self._begin()
        self._wait()

    def stop(self) -> None:
        """Wait no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _begin(self) -> None:
        self._counted = self._count()
        self._heard_bytes = self._engine.received_bytes
        self._over_at = self._loop.time() + self._limit_s

    def _wait(self) -> None:
        self._timer = self._loop.call_later(min(LOOK_S, self._limit_s), self._look)

    def _look(self) -> None:
        if self._count() != self._counted:
            self._begin()
        elif self._loop.time() >= self._over_at:
            # On a dark link nothing moves, whoever reads at its end.
            if self._engine.is_attached and self._engine.received_bytes != self._heard_bytes:
                self._on_over()
                return
            self._begin()
        self._wait()
