"""Puts the stdio link inside QUIC while ssh is gone, and takes it out again. I/O.

What is decided is decided by carry.py. The runner tells what the link said while `is_active`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable
from typing import Any

from port_linker import clock
from port_linker.errors import PortLinkerError
from port_linker.link.door import SYNC_BYTES, Pass, enter_door
from port_linker.link.mux_link import MuxLink
from port_linker.link.sidecar import Sidecar
from port_linker.session.carry import CarryMachine, Step
from port_linker.tasks import start_task

logger = logging.getLogger(__name__)


class Carrier:
    """At most one flow to the agent's door at a time."""

    def __init__(
        self,
        link: MuxLink,
        make_pass: Callable[[bytes], Pass],
        on_change: Callable[[], None],
    ) -> None:
        """on_change: hears that `is_up` changed."""
        self._link, self._make_pass, self._on_change = link, make_pass, on_change
        self._machine = CarryMachine()
        self._entering: asyncio.Task[Any] | None = None
        self._sock: socket.socket | None = None
        self._left = asyncio.Event()

    @property
    def is_active(self) -> bool:
        """Whether what the link tells is about the carried one."""
        return self._machine.is_active

    @property
    def is_up(self) -> bool:
        """Whether flows of the stdio link move inside QUIC."""
        return self._machine.is_up

    def look(self, sidecar: Sidecar | None) -> None:
        """Act on what is so now. sidecar: of a QUIC link that is a way; None if none is wanted."""
        step = self._machine.look(clock.monotonic_s(), is_wanted=sidecar is not None)
        if step is Step.ENTER and sidecar is not None:
            self._entering = start_task(self._enter(sidecar), "enter the agent's door")
        elif step is Step.PING:
            self._link.ping()
        elif step is Step.LEAVE:
            self._leave()

    def attached(self) -> None:
        """The hellos have met."""
        logger.info("the stdio link goes on inside QUIC")
        self._machine.greeted(clock.monotonic_s())
        self._on_change()

    def heard(self) -> None:
        """Bytes came in."""
        self._machine.heard(clock.monotonic_s())

    def lost(self, reason: str) -> None:
        """The flow ended."""
        logger.info("the stdio link is no longer inside QUIC", extra={"reason": reason})
        self._machine.lost(clock.monotonic_s())
        self._leave()

    def give_way(self) -> None:
        """A real ssh takes the link over: let go of it, without a word to anybody."""
        self._machine.taken_over()
        self._link.disconnect()
        self._close()

    async def wait_ended(self, timeout_s: float) -> bool:
        """Wait until the agent has ended the flow; False after timeout_s."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._left.wait()
        except TimeoutError:
            return False
        return True

    async def _enter(self, sidecar: Sidecar) -> None:
        self._left.clear()
        card = self._make_pass(secrets.token_bytes(SYNC_BYTES))
        try:
            sock = await enter_door(sidecar, card)
        except PortLinkerError as error:
            self.lost(error.message)
            return
        self._sock = sock
        self._link.connect((sock.fileno(), sock.fileno()), card.sync)

    def _leave(self) -> None:
        self._link.disconnect()
        self._close()
        self._on_change()

    def _close(self) -> None:
        self._left.set()
        entering, self._entering = self._entering, None
        if entering is not None and entering is not asyncio.current_task():
            entering.cancel()
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()
