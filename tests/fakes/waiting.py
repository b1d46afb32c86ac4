"""Waits for what the loop's own work brings about, with an end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

WAIT_S = 10.0
LOOK_S = 0.002


async def until(holds: Callable[[], object], limit_s: float = WAIT_S) -> None:
    """Wait for a change that has no event of its own. Raises TimeoutError."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(limit_s):
        while not holds():
            turn = asyncio.Event()
            loop.call_later(LOOK_S, turn.set)
            await turn.wait()


async def receive(sock: socket.socket) -> bytes:
    """Return what a non-blocking socket has next, b"" at its end."""
    found: list[bytes] = []

    def look() -> bool:
        try:
            found.append(sock.recv(1 << 20))
        except BlockingIOError:
            return False
        return True

    await until(look)
    return found[0]
