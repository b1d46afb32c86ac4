"""Moves bytes between a mux machine and the two descriptors of a link. I/O; runs on Python 3.9.

The descriptors are non-blocking: a socket on the host, ssh's stdin and stdout on the target. All
waiting is in the event loop; nothing is buffered here but the part of a write that did not fit.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import Callable, Optional

from port_linker.errors import ProtocolError
from port_linker.mux.events import MuxEvent
from port_linker.mux.frames import HELLO, RELIABLE, Frame, FrameReader
from port_linker.mux.machine import MuxMachine
from port_linker.mux.outbox import discard
from port_linker.mux.sync import SyncFinder, sync_marker

WRITE_BYTES = 256 * 1024  # taken from the queues at once; later control waits for it
MAX_BUFFERS = 256  # a writev; Linux allows 1024
QUIET_S = 0.0005  # a link silent for so long writes at once: 50 us less a round trip
SLICE_FRAMES = 64  # handled between two looks at the clock; a read may bring 100,000
TURN_S = 0.02  # of the loop for what one read brought; the rest waits for the next turn
ACK_DELAY_S = 0.05  # a quiet link acknowledges this late


class Pump:
    """One incarnation of the link. After on_lost it is of no more use."""

    def __init__(
        self,
        machine: MuxMachine,
        descriptors: tuple[int, int],
        secret: bytes,
        on_events: Callable[[list[MuxEvent]], None],
        on_room: Callable[[], None],
        on_lost: Callable[[str, bool], None],
        is_behind: Callable[[], bool] = lambda: False,
    ) -> None:
        """on_lost: hears why, and whether the other end broke the protocol after its hello.

        is_behind: whether the owner has enough to do; then nothing more is handled or read.
        """
        self.machine = machine
        self._read_fd, self._write_fd = descriptors
        self._on_events, self._on_room, self._on_lost = on_events, on_room, on_lost
        self._is_behind = is_behind
        self._marker = sync_marker(secret)
        self._finder: Optional[SyncFinder] = SyncFinder(self._marker)
        self._reader = FrameReader()
        self._is_greeted = False
        self._out: deque[memoryview] = deque()
        self._loop = asyncio.get_running_loop()
        self._is_writing = False  # the loop watches for room in the pipe
        self._is_scheduled = False
        self._is_resting = False  # what was read waits for its turn
        self._ack_timer: Optional[asyncio.TimerHandle] = None
        self.is_closed = False
        self._flushed_at = 0.0
        self.received_bytes = 0
        for fd in descriptors:
            os.set_blocking(fd, False)
        self._loop.add_reader(self._read_fd, self._on_readable)

    def start(self) -> None:
        """Write the marker that a link begins with; what follows is frames."""
        self._out.append(memoryview(self._marker))
        self.flush_soon()

    def close(self) -> None:
        """Stop; the descriptors stay open, they belong to the caller."""
        if self.is_closed:
            return
        self.is_closed = True
        self._loop.remove_reader(self._read_fd)
        if self._is_writing:
            self._loop.remove_writer(self._write_fd)
        if self._ack_timer is not None:
            self._ack_timer.cancel()
        self._out.clear()

    def flush_soon(self) -> None:
        """Write what is queued: at once on a quiet link, else together with what comes soon."""
        if self._is_scheduled or self._is_writing or self.is_closed:
            return
        self._is_scheduled = True
        if self._loop.time() - self._flushed_at >= QUIET_S:
            self._flush()
        else:
            self._loop.call_soon(self._flush)

    def _on_readable(self) -> None:
        space = self._reader.space()
        try:
            count = os.readv(self._read_fd, [space])
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(f"read failed: {error.strerror}")
            return
        if count == 0:
            self._lose("the connection to it was closed")
            return
        self.received_bytes += count
        try:
            self._take(space, count)
        except ProtocolError as error:
            self._lose(error.message, is_broken=self._is_greeted)

    def _go_on(self) -> None:
        """Handle what the last turn left over, then read again."""
        if self.is_closed:
            return
        try:
            self._handle(0)
        except ProtocolError as error:
            self._lose(error.message, is_broken=self._is_greeted)

    def _take(self, space: memoryview, count: int) -> None:
        if self._finder is not None:
            rest = self._finder.feed(bytes(space[:count]))
            if rest is None:
                return
            self._finder = None
            count = len(rest)
            space[:count] = rest
        self._handle(count)

    def _handle(self, count: int) -> None:
        """Handle the frames that are complete now, for at most a turn."""
        if count or not self._is_behind():
            self._handle_some(count)
        if self._must_rest() or self._is_resting:
            self._handle_rest(self._loop.time() + TURN_S)
        if self.is_closed:
            return
        self.machine.outbox.check_limits()
        if self.machine.receipt.is_pending and self._ack_timer is None:
            self._ack_timer = self._loop.call_later(ACK_DELAY_S, self._ack)
        if self.machine.outbox.has_output:
            self.flush_soon()

    def _handle_some(self, count: int) -> None:
        arrived = self._reader.advance(count, SLICE_FRAMES)
        if not self._is_greeted:
            arrived = self._greet(arrived)
        events = self.machine.receive(arrived)
        if events:
            self._on_events(events)

    def _handle_rest(self, until: float) -> None:
        """Go on until a point in time; what is left then has a turn of its own, before any read."""
        while self._may_handle() and self._loop.time() < until:
            self._handle_some(0)
        must_rest = self._must_rest()
        if must_rest:
            self._loop.remove_reader(self._read_fd)
            self._loop.call_soon(self._go_on)
        elif self._is_resting and not self.is_closed:
            self._loop.add_reader(self._read_fd, self._on_readable)
        self._is_resting = must_rest

    def _may_handle(self) -> bool:
        return self._reader.has_more and not self.is_closed and not self._is_behind()

    def _must_rest(self) -> bool:
        return not self.is_closed and (self._reader.has_more or self._is_behind())

    def _greet(self, arrived: list[Frame]) -> list[Frame]:
        """Handle the hello, which may put a new machine here, and return the frames behind it."""
        for at, (kind, _flow, _payload) in enumerate(arrived):
            if kind in RELIABLE:
                raise ProtocolError("the other side spoke before its hello")
            if kind == HELLO:
                self._is_greeted = True
                self._on_events(self.machine.receive(arrived[: at + 1]))
                return [] if self.is_closed else arrived[at + 1 :]
        return arrived

    def _ack(self) -> None:
        self._ack_timer = None
        self.machine.send_ack()
        self.flush_soon()

    def _flush(self) -> None:
        self._flushed_at = self._loop.time()
        if self.is_closed:
            return
        try:
            is_blocked = self._write_all()
        except OSError as error:
            self._lose(f"write failed: {error.strerror}")
            return
        finally:
            self._is_scheduled = False
        if is_blocked != self._is_writing:
            self._is_writing = is_blocked
            if is_blocked:
                self._loop.add_writer(self._write_fd, self._flush)
            else:
                self._loop.remove_writer(self._write_fd)
        self._on_room()

    def _write_all(self) -> bool:
        """Write until nothing is left or the pipe is full; return whether it is full."""
        out = self._out
        while True:
            if not out:
                out.extend(map(memoryview, self.machine.outbox.take(WRITE_BYTES)))
                if not out:
                    return False
            batch = [out[i] for i in range(min(len(out), MAX_BUFFERS))]
            try:
                written = os.writev(self._write_fd, batch)
            except (BlockingIOError, InterruptedError):
                return True
            discard(out, written)

    def _lose(self, reason: str, is_broken: bool = False) -> None:
        if not self.is_closed:
            self.close()
            self._on_lost(reason, is_broken)
