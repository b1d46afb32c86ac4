"""Notices resets on sockets that nobody reads at the moment. I/O; runs on Python 3.9.

asyncio watches a descriptor for reading or not at all. A flow that has read its end, or waits for
credit, would learn of a reset at its next write only. The kernel tells an epoll of errors and
hang-ups whether it was asked to or not, so a second epoll with no other wish tells of those alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
from typing import Callable, Optional


class ErrorWatch:
    """Tells of errors on any number of sockets; one descriptor while there are any."""

    def __init__(self) -> None:
        self._tell: dict[int, Callable[[], None]] = {}
        self._epoll: Optional[select.epoll] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None

    def add(self, fd: int, tell: Callable[[], None]) -> None:
        """Call tell when the socket has an error, or both its directions have ended."""
        if self._epoll is None:
            self._epoll = select.epoll()
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._epoll.fileno(), self._on_errors)
        self._tell[fd] = tell
        self._epoll.register(fd, select.EPOLLET)

    def forget(self, fd: int) -> None:
        """Forget a socket that is closed at once, which takes it out of the epoll."""
        self._tell.pop(fd, None)

    def remove(self, fd: int) -> None:
        """Forget a socket that stays open."""
        if self._tell.pop(fd, None) is not None and self._epoll is not None:
            with contextlib.suppress(OSError):
                self._epoll.unregister(fd)

    def close(self) -> None:
        """Give the descriptor back; `add` opens another."""
        self._tell.clear()
        if self._epoll is not None and self._loop is not None:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None

    def _on_errors(self) -> None:
        if self._epoll is None:
            return
        for fd, _events in self._epoll.poll(0):
            tell = self._tell.get(fd)
            if tell is not None:
                tell()
