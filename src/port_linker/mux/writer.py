"""One direction of a TCP flow: from the link to the socket. I/O; runs on Python 3.9."""

from __future__ import annotations

import asyncio
import socket
from typing import Callable, Optional

from port_linker.mux.backlog import Backlog
from port_linker.mux.engine import Engine
from port_linker.observe.counters import Traffic


class SocketWriter:
    """Writes what the socket takes and keeps the rest, then the end. Until `start` it keeps all."""

    __slots__ = (
        "_engine", "_has_fin", "_is_writing", "_loop", "_number", "_on_broken", "_on_shut", "_sock",
        "_traffic", "backlog", "is_broken", "is_shut", "moved_at",
    )  # fmt: skip

    def __init__(
        self,
        engine: Engine,
        number: int,
        traffic: Traffic,
        on_shut: Callable[[], None],
        on_broken: Callable[[OSError], None],
    ) -> None:
        """on_shut: the end was written. on_broken: a write failed; `drop_all` is up to the flow."""
        self._engine, self._number, self._traffic = engine, number, traffic
        self._on_shut, self._on_broken = on_shut, on_broken
        self._loop = asyncio.get_running_loop()
        self._sock: Optional[socket.socket] = None
        self._is_writing = self._has_fin = False
        self.backlog = Backlog()
        self.is_broken = False  # what comes is dropped
        self.is_shut = False
        self.moved_at = self._loop.time()  # when a reader that is behind last took something

    @property
    def owes_fin(self) -> bool:
        """Whether the other end has sent its end and the socket was not told."""
        return self._has_fin and not self.is_shut

    def start(self, sock: socket.socket) -> None:
        """Write what was kept."""
        self._sock = sock
        if self.backlog or self._has_fin:
            self._on_writable()

    def stop(self) -> None:
        """Write no more; the socket stays open."""
        self._write_off()
        self._sock = None

    def drop_all(self) -> None:
        """Write no more, drop what is kept and all that comes."""
        self.stop()
        self.is_broken = True
        self._engine.machine.consumed(self._number, self.backlog.size_bytes)
        self.backlog.clear()

    def put(self, data: memoryview) -> None:
        """Hand bytes to the socket at once; keep what it does not take."""
        sent = 0
        if not self.backlog and self._sock is not None:
            try:
                sent = self._sock.send(data)
            except (BlockingIOError, InterruptedError):
                self.moved_at = self._loop.time()
            except OSError as error:
                self._on_broken(error)
        if self.is_broken:
            # Who sends must get on all the same: it may read only after its upload.
            self._engine.machine.consumed(self._number, len(data))
            return
        if sent < len(data):
            self.backlog.keep(data[sent:])
            self._write_on()
        self._took(sent)

    def finish(self) -> None:
        """Pass the end on behind the data."""
        self._has_fin = True
        if self._sock is not None and not self.backlog:
            self._shut_down()

    def _took(self, count: int) -> None:
        if count:
            self._traffic.down_bytes += count
            self._engine.machine.consumed(self._number, count)

    def _write_on(self) -> None:
        if not self._is_writing and self._sock is not None:
            self._is_writing = True
            self._loop.add_writer(self._sock.fileno(), self._on_writable)

    def _write_off(self) -> None:
        if self._is_writing and self._sock is not None:
            self._is_writing = False
            self._loop.remove_writer(self._sock.fileno())

    def _on_writable(self) -> None:
        if self._sock is None:
            return
        before_bytes = self.backlog.size_bytes
        try:
            self.backlog.write(self._sock)
        except (BlockingIOError, InterruptedError):
            self._write_on()
        except OSError as error:
            self._on_broken(error)
            return
        self.moved_at = self._loop.time()
        self._took(before_bytes - self.backlog.size_bytes)
        self._engine.flush()
        if not self.backlog:
            self._write_off()
            if self._has_fin:
                self._shut_down()

    def _shut_down(self) -> None:
        if self.is_shut or self._sock is None:
            return
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._on_broken(error)
            return
        self.is_shut = True
        self._on_shut()
