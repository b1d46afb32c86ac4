"""Gets the sidecar's executable: from the agent's directory, or piece by piece from the host. I/O.

Runs on Python 3.9.
"""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Optional

from port_linker.agent.executable import (
    Command,
    ExecutableError,
    Unpacker,
    check_machine,
    find_stored,
    store,
)
from port_linker.deploy import cache
from port_linker.protocol.quic import Executable, QuicNeed, QuicPart

PIECE_S = 60.0  # without a piece the attempt is given up; the stdio link may be in an outage


class Fetcher:
    """One executable at a time."""

    def __init__(
        self, directory: Optional[str], send_control: Callable[[dict[str, Any]], None]
    ) -> None:
        self._directory, self._send_control = directory, send_control
        self._unpacker: Optional[Unpacker] = None
        self._piece = asyncio.Event()
        self._held: Optional[int] = None  # a descriptor of the stored file, for the next start

    async def fetch(self, wanted: Executable) -> Command:
        """Return the command that starts the executable; the host is asked if it is not here.

        Raises ExecutableError if it cannot be used here, asyncio.TimeoutError if it does not come.
        """
        command = await self._find_or_ask(wanted)
        if self._held is None and not command.descriptors:
            self._held = cache.hold(command.words[0])
        return command

    async def _find_or_ask(self, wanted: Executable) -> Command:
        loop = asyncio.get_running_loop()
        check_machine(wanted)
        found = await loop.run_in_executor(None, find_stored, self._directory, wanted)
        if found is not None:
            return found
        unpacker = self._unpacker = Unpacker(wanted)
        self._piece.clear()
        self._send_control(QuicNeed(wanted.digest, 0).to_json())
        while not unpacker.is_complete:
            await asyncio.wait_for(self._piece.wait(), PIECE_S)
            self._piece.clear()
            if self._unpacker is None:
                raise ExecutableError("the executable arrived damaged")
        self._unpacker = None
        data = unpacker.take()
        return await loop.run_in_executor(None, store, self._directory, wanted, data)

    def take(self, part: QuicPart) -> None:
        """Take one piece and acknowledge it; what is not the next one is ignored."""
        unpacker = self._unpacker
        if unpacker is None or part.digest != unpacker.wanted.digest:
            return
        try:
            if unpacker.feed(part.at, part.data):
                self._send_control(QuicNeed(part.digest, unpacker.at).to_json())
        except ExecutableError:
            self._unpacker = None
        self._piece.set()

    def stop(self) -> None:
        """Forget what has come so far."""
        self._unpacker = None
