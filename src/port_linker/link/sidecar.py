"""One running sidecar: starts it, asks it, hears it, notices its end. I/O; runs on Python 3.9.

It serves both sides. Whoever owns it decides whether another one is started after its end.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from typing import Any, Callable, Optional, Type, TypeVar  # noqa: UP035 - Python 3.9

from port_linker.errors import ProtocolError
from port_linker.link import control, reports
from port_linker.link.child import SidecarProcess
from port_linker.link.faults import SidecarFailed, explain_failure
from port_linker.link.fdpass import send_line
from port_linker.tasks import start_task

logger = logging.getLogger(__name__)

READY_S = 5.0  # from the start to the first line; it takes milliseconds unless the machine starves
REPLY_S = 5.0  # it answers at once, or hangs
READ_BYTES = 64 * 1024
_LEVELS = {"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO}

E = TypeVar("E", bound=reports.Event)


class Sidecar:
    """A child process that speaks the control vocabulary.

    on_event: hears what was not asked for. on_end: hears once, in words, that the process ended by
    itself; not after `close`.
    """

    def __init__(
        self,
        command: Sequence[str],
        on_event: Callable[[reports.Event], None],
        on_end: Callable[[str], None],
        descriptors: Sequence[int] = (),
    ) -> None:
        """Start the process. descriptors: those that its command names (/proc/self/fd/N).

        Raises SidecarFailed if it cannot be started.
        """
        self._on_event, self._on_end = on_event, on_end
        self._loop = asyncio.get_running_loop()
        self._lock = asyncio.Lock()
        self._lines = control.LineBuffer()
        self._number = 0  # of the last question
        self._asked: Optional[tuple[int, asyncio.Future[reports.Event]]] = None
        self._ready: asyncio.Future[reports.Event] = self._loop.create_future()
        self._is_over = False
        self._reaping: Optional[asyncio.Task[Any]] = None
        self.version = ""
        try:
            self._sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError as error:  # no descriptor is left
            raise _explain_start(error) from error
        try:
            self._process = SidecarProcess(command, theirs, descriptors)
        except OSError as error:
            self._sock.close()
            raise _explain_start(error) from error
        finally:
            theirs.close()
        self._sock.setblocking(False)
        self._loop.add_reader(self._sock, self._on_readable)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it can be asked."""
        return not self._is_over

    async def greet(self) -> None:
        """Exchange versions. Raises SidecarFailed if it says nothing, or speaks another one."""
        ready = await self._within(READY_S, self._ready)
        if not isinstance(ready, reports.Ready) or ready.v != control.VERSION:
            raise SidecarFailed("version", "the sidecar speaks another version")
        self.version = ready.version
        await self.send(control.Hello())

    async def send(self, command: control.Command, descriptors: Sequence[int] = ()) -> None:
        """Send a command that has no answer. Raises SidecarFailed if the process has ended."""
        async with self._lock:
            await self._send(command, descriptors)

    async def ask(
        self,
        command: control.Command,
        answer: Type[E],  # noqa: UP006 - Python 3.9
        descriptors: Sequence[int] = (),
        limit_s: float = REPLY_S,
    ) -> E:
        """Send a command and return its answer; one at a time, the others wait their turn.

        Raises SidecarFailed for an error, no answer within limit_s, or the end of the process.
        """
        async with self._lock:
            future: asyncio.Future[reports.Event] = self._loop.create_future()
            self._number += 1
            self._asked = (self._number, future)
            try:
                await self._send(command, descriptors, self._number)
                found = await self._within(limit_s, future)
            finally:
                self._asked = None
        if isinstance(found, reports.Failed):
            raise explain_failure(found)
        if not isinstance(found, answer):
            raise SidecarFailed("protocol", "the sidecar answered something else")
        return found

    async def _within(self, limit_s: float, future: asyncio.Future[reports.Event]) -> reports.Event:
        """Return the future's event. Raises SidecarFailed after limit_s.

        Not by asyncio.wait_for, which before Python 3.12 may swallow a cancellation.
        """

        def expire() -> None:
            if not future.done():
                future.set_exception(SidecarFailed("timeout", "the sidecar does not answer"))

        timer = self._loop.call_later(limit_s, expire)
        try:
            return await future
        finally:
            timer.cancel()

    async def _send(
        self, command: control.Command, descriptors: Sequence[int], number: Optional[int] = None
    ) -> None:
        if self._is_over:
            raise SidecarFailed("died", "the sidecar has ended")
        try:
            await send_line(self._sock, control.encode_command(command, number), descriptors)
        except OSError as error:
            raise SidecarFailed("died", "the sidecar has ended") from error

    def close(self) -> None:
        """End it: its control socket closes, so it says goodbye to its peer and goes."""
        self._stop("closed by us")

    async def shut(self) -> None:
        """Close, and wait until no process is left; at most a little more than a second."""
        self.close()
        if self._reaping is not None:
            await asyncio.wait([self._reaping])

    # What it says

    def _on_readable(self) -> None:
        try:
            data = self._sock.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._end("the sidecar ended by itself")
            return
        try:
            for line in self._lines.feed(data):
                event, number = reports.parse_event(line)
                if event is not None and not self._is_over:
                    self._take(event, number)
        except ProtocolError as error:
            self._end(error.message)

    def _take(self, event: reports.Event, number: Optional[int]) -> None:
        if isinstance(event, reports.Logged):
            level = _LEVELS.get(event.level, logging.DEBUG)
            logger.log(level, "sidecar: %s", event.message, extra={"pid": self.pid})
            return
        if isinstance(event, reports.Ready):
            if not self._ready.done():
                self._ready.set_result(event)
            return
        if number is None:
            self._on_event(event)
        elif self._asked is not None and self._asked[0] == number and not self._asked[1].done():
            self._asked[1].set_result(event)
        else:
            logger.debug("an answer came too late", extra={"answer": repr(event)})

    # Its end

    def _end(self, reason: str) -> None:
        if self._is_over:
            return
        words = self._process.last_words()
        # No warning: what it means to flows is told by the link's event.
        logger.info(reason, extra={"pid": self.pid, "stderr": words})
        self._stop(reason)
        self._on_end(reason)

    def _stop(self, reason: str) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._loop.remove_reader(self._sock)
        self._sock.close()
        failure = SidecarFailed("died", reason)
        if self._asked is not None and not self._asked[1].done():
            self._asked[1].set_exception(failure)
        if not self._ready.done():
            self._ready.set_exception(failure)
            self._ready.exception()  # nobody may be waiting
        self._reaping = start_task(self._process.end(), f"reap sidecar {self.pid}")


def _explain_start(error: OSError) -> SidecarFailed:
    return SidecarFailed("start", f"the sidecar does not start: {error.strerror}")
