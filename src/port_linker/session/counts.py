"""Asks the agent what it measures of an attempt's QUIC link (protocol/gauge.py). I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from port_linker.errors import PortLinkerError
from port_linker.link.faults import SidecarFailed
from port_linker.protocol import gauge

A = TypeVar("A")


class AgentCounts:
    """The questions of one attempt and their answers.

    ended: done when the attempt has ended, so that nobody waits any longer.
    """

    def __init__(
        self,
        number: int,
        send_control: Callable[[dict[str, Any]], None],
        ended: asyncio.Future[PortLinkerError],
    ) -> None:
        self._number, self._send_control, self._ended = number, send_control, ended
        loop = asyncio.get_running_loop()
        self._gauged: asyncio.Future[gauge.QuicGauged] = loop.create_future()
        self._counting: asyncio.Future[gauge.QuicCounted] = loop.create_future()
        self.counted: gauge.QuicCounted | None = None  # as told last
        self._is_asked = False

    async def ask_gauge(self, secret: str, limit_s: float) -> int:
        """Have the agent open a service to measure by, and return its port. Raises SidecarFailed.

        secret: 32 bytes in hex, for who may use it.
        """
        self._send_control(gauge.QuicGauge(self._number, secret).to_json())
        return (await self._within(self._gauged, limit_s)).port

    async def ask_count(self, limit_s: float) -> gauge.QuicCounted:
        """Return the packets that the target's side has counted. Raises SidecarFailed."""
        self._counting = asyncio.get_running_loop().create_future()
        self.send_count()
        return await self._within(self._counting, limit_s)

    def send_count(self) -> None:
        """Ask for the packets; `counted` has them when they come.

        A question waits through an outage of ssh, so there is only one until it is answered.
        """
        if not self._is_asked:
            self._is_asked = True
            self._send_control(gauge.QuicCount(self._number).to_json())

    def take(self, answer: gauge.Answer) -> None:
        """Take what the agent answers; what is of another attempt is ignored."""
        if answer.attempt != self._number:
            return
        if isinstance(answer, gauge.QuicCounted):
            self._is_asked = False
            self.counted = answer
            if not self._counting.done():
                self._counting.set_result(answer)
        elif not self._gauged.done():
            self._gauged.set_result(answer)

    async def _within(self, future: asyncio.Future[A], limit_s: float) -> A:
        waits: list[asyncio.Future[Any]] = [future, self._ended]
        await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        if not future.done():
            raise SidecarFailed("timeout", "the agent does not answer about QUIC")
        return future.result()
