"""Sends one line with the descriptors that travel with it (SCM_RIGHTS). I/O; runs on Python 3.9."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence


async def send_line(sock: socket.socket, line: bytes, descriptors: Sequence[int] = ()) -> None:
    """Send a line over a non-blocking Unix stream socket, the descriptors with its first byte.

    The descriptors stay the caller's, who closes them after the reply. Raises OSError.
    """
    sent = await _send_start(sock, line, descriptors) if descriptors else 0
    if sent < len(line):
        await asyncio.get_running_loop().sock_sendall(sock, line[sent:])


async def _send_start(sock: socket.socket, line: bytes, descriptors: Sequence[int]) -> int:
    while True:
        try:
            return socket.send_fds(sock, [line], list(descriptors))
        except (BlockingIOError, InterruptedError):  # noqa: PERF203 - a full socket is rare
            await _wait_writable(sock)


async def _wait_writable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def on_writable() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_writer(sock, on_writable)
    try:
        await ready
    finally:
        loop.remove_writer(sock)
