"""A stream of lines that can never stall the session, nor grow without end.

A reader that stops (a full pipe, a terminal under Ctrl-S) blocks only the thread in here. What
cannot wait is joined: of the same key only the newest line is kept, lines without a key, and what
is past all bounds, are lost and counted. A reader that left ends the session quietly.
"""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

MAX_WAITING_LINES = 10_000  # about 4 MB of JSON; two full lists of 5,000 services
MAX_WAITING_CHARS = 16 << 20  # a target's line of log may have 100,000
MAX_NEWEST = 20_000  # lines by key; as many services are remembered
CLOSE_WAIT_S = 1.0  # for a reader that is slow at the end; after it the rest is lost


class Outlet:
    """Writes lines in their order and flushes each one.

    stream: owned by the caller; its descriptor is pointed at /dev/null when its reader leaves, so
    that the interpreter's last flush is quiet.
    on_left: called once, from the writing thread, when the reader has left.
    explain_loss: gives the line that stands where lines were lost, from their number.
    """

    def __init__(
        self,
        stream: TextIO,
        on_left: Callable[[], None],
        explain_loss: Callable[[int], str],
        limit: int = MAX_WAITING_LINES,
    ) -> None:
        self._stream = stream
        self._on_left = on_left
        self._explain_loss = explain_loss
        self._limit = limit
        self._waiting: deque[str] = deque()
        self._waiting_chars = 0
        self._newest: dict[str, str] = {}  # by key
        self._lost = 0
        self._closing = False
        self._left = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write_all, name="outlet", daemon=True)
        self._thread.start()

    def put(self, line: str, key: str | None = None) -> None:
        """Hand over one line without its newline; returns at once. Safe from any thread."""
        with self._changed:
            if self._left or self._closing:
                return
            if key is not None:
                self._waiting_chars -= len(self._newest.pop(key, ""))
            has_room = self._waiting_chars + len(line) <= MAX_WAITING_CHARS
            if has_room and len(self._waiting) < self._limit and not self._newest:
                self._waiting.append(line)
            elif has_room and key is not None and len(self._newest) < MAX_NEWEST:
                self._newest[key] = line
            else:
                self._lost += 1
                line = ""
            self._waiting_chars += len(line)
            self._changed.notify()

    def close(self, wait_s: float = CLOSE_WAIT_S) -> None:
        """Write what waits, for at most wait_s; then no more lines are taken."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(wait_s)

    def _write_all(self) -> None:
        try:
            while (lines := self._next_lines()) is not None:
                for line in lines:
                    self._stream.write(line + "\n")
                    self._stream.flush()
        except (OSError, ValueError):  # the reader left, or the stream was closed under us
            self._leave()

    def _next_lines(self) -> list[str] | None:
        """Wait for lines; None at the end. Keyed and lost ones come when the rest is written."""
        with self._changed:
            while not (self._waiting or self._newest or self._lost or self._closing):
                self._changed.wait()
            if self._waiting:
                line = self._waiting.popleft()
                self._waiting_chars -= len(line)
                return [line]
            if not (self._newest or self._lost):
                return None
            lines = [self._explain_loss(self._lost)] if self._lost else []
            lines += self._newest.values()
            self._newest.clear()
            self._lost = self._waiting_chars = 0
            return lines

    def _leave(self) -> None:
        with self._changed:
            self._left = True
            self._waiting.clear()
            self._newest.clear()
            self._waiting_chars = 0
        _point_at_nothing(self._stream)
        self._on_left()


def _point_at_nothing(stream: TextIO) -> None:
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, number)
    os.close(nothing)


@contextmanager
def watch_reader(stream: TextIO, on_left: Callable[[], None]) -> Iterator[None]:
    """Call on_left when the reader of a pipe has closed it, though nothing is being written.

    Does nothing for what is no pipe, or has no descriptor. on_left may be called more than once.
    """
    number = _pipe_number(stream)
    if number is None:
        yield
        return
    loop = asyncio.get_running_loop()
    # The write end is never readable; what epoll reports of it unasked is the error (man 2 poll).
    loop.add_reader(number, on_left)
    try:
        yield
    finally:
        loop.remove_reader(number)


def _pipe_number(stream: TextIO) -> int | None:
    try:
        number = stream.fileno()
        return number if stat.S_ISFIFO(os.fstat(number).st_mode) else None
    except (OSError, ValueError):
        return None
