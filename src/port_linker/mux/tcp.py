"""One TCP flow: a connected socket here, frames there. I/O; runs on Python 3.9.

Each direction (reader.py, writer.py) ends by itself: half-close is kept, a reset stays a reset, and
either comes behind all that was sent before it.

A failed write, or an error that the kernel tells, means that the local peer has reset. What it sent
before is still in the kernel's queue: it is read on, and the reset follows it. A reset of the other
end is told to the local peer when that has everything (ending.py).
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Callable, Optional

from port_linker.mux.ending import (
    PATIENCE_S,
    Ending,
    close_socket,
    reset_socket,
)
from port_linker.mux.engine import Engine
from port_linker.mux.patience import Patience
from port_linker.mux.reader import SocketReader
from port_linker.mux.writer import SocketWriter
from port_linker.observe.counters import Traffic


class TcpFlow:
    """Carries one connection. Until `start`, data that arrives is kept (the agent still dials)."""

    __slots__ = (
        "_ending", "_engine", "_is_finished", "_local_reset", "_on_end", "_patience", "_reader",
        "_remote_reset", "_writer", "number", "on_credit", "on_data", "on_fin", "sock", "traffic",
    )  # fmt: skip

    def __init__(
        self, engine: Engine, number: int, traffic: Traffic, on_end: Callable[[str], None]
    ) -> None:
        self._engine = engine
        self._on_end = on_end
        self.number = number
        self.sock: Optional[socket.socket] = None
        self.traffic = traffic
        self._reader = SocketReader(engine, number, traffic, self._on_read_end, self._on_read_error)
        self._writer = SocketWriter(engine, number, traffic, self._end_if_done, self._on_reset_here)
        self.on_data = self._writer.put
        self.on_fin = self._writer.finish
        self.on_credit = self._reader.read_on
        self._is_finished = False  # the local peer has sent its end
        self._local_reset: Optional[OSError] = None
        self._remote_reset: Optional[str] = None  # came while we dialled
        self._ending: Optional[Ending] = None
        self._patience: Optional[Patience] = None

    def start(self, sock: socket.socket) -> None:
        """Begin to carry. The socket is connected and non-blocking, its close is a reset (see
        reset_on_close), and it is the flow's from now on."""
        self.sock = sock
        if self._remote_reset is not None:
            self._begin_ending(self._remote_reset)
            return
        self._engine.errors.add(sock.fileno(), self._on_error)
        self._writer.start(sock)
        if self.sock is not None:
            self._reader.start(sock)

    # The orderly end

    def _on_read_end(self) -> None:
        # After EPIPE there was an orderly end before the reset; after others there was none.
        if self._local_reset is None or self._local_reset.errno == errno.EPIPE:
            self._is_finished = True
            self._engine.machine.send_fin(self.number)
        if self._local_reset is not None:
            self._pass_reset(self._local_reset)
        else:
            self._end_if_done()

    def _end_if_done(self) -> None:
        if not (self._is_finished and self._writer.is_shut) or self.sock is None:
            return
        sock = self._let_go()
        if sock is not None:
            close_socket(sock)
        self._engine.drop(self.number)
        self._on_end("")

    # A reset of the local peer

    def _on_error(self) -> None:
        """The kernel tells of an error, or of the end of both directions, which is none."""
        if self.sock is not None:
            code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self._on_reset_here(OSError(code, os.strerror(code)))

    def _on_reset_here(self, error: OSError) -> None:
        """The local peer has gone: drop what is for it, carry what it sent before."""
        if self._local_reset is not None:
            return
        self._local_reset = error
        self._writer.drop_all()
        if self._is_finished:
            self._pass_reset(error)
            return
        self._reader.read_on()
        self._patience = Patience(
            self._engine,
            lambda: self._reader.sent_bytes,
            PATIENCE_S,
            lambda: self.abort("the reader stopped before a reset"),
        )
        self._engine.flush()

    def _on_read_error(self, error: OSError) -> None:
        self._pass_reset(self._local_reset or error)

    def _pass_reset(self, error: OSError) -> None:
        """Reset the other end behind all that was sent to it."""
        reason = error.strerror or "reset"
        self._engine.reset(self.number, reason, is_last=True)
        self.kill(reason)

    # A reset of the other end

    def on_reset(self, reason: str) -> None:
        """The other end has reset: the local peer gets what came before, then its reset."""
        if self._local_reset is None and self.sock is not None:
            self._begin_ending(reason)
        elif self._local_reset is None and self._writer.backlog:
            self._remote_reset = reason  # there is something to deliver once we are connected
        else:
            self._drop(reason)

    def _begin_ending(self, reason: str) -> None:
        if self.sock is not None:
            self._engine.errors.remove(self.sock.fileno())  # it stays open
        sock, writer = self._let_go(), self._writer
        if sock is None:
            return

        def on_end(written_bytes: int) -> None:
            self.traffic.down_bytes += written_bytes
            self._ending = None
            self._drop(reason)

        moved_at = writer.moved_at if writer.backlog else None
        self._ending = Ending(sock, writer.backlog, writer.owes_fin, moved_at, on_end)
        self._ending.start()

    def _drop(self, reason: str) -> None:
        self._engine.drop(self.number)
        self.kill(reason)

    # The end of the flow by our own will

    def abort(self, reason: str) -> None:
        """End both ends at once."""
        self._engine.reset(self.number, reason)
        self.kill(reason)

    def kill(self, reason: str) -> None:
        """End here at once with a reset, without a word to the other end."""
        if self._ending is not None:
            self._ending.stop()
            return
        sock = self._let_go()
        if sock is not None:
            reset_socket(sock)
        self._writer.drop_all()
        self._on_end(reason)

    def _let_go(self) -> Optional[socket.socket]:
        """Stop all that is done with the socket, and return it."""
        self._reader.stop()
        self._writer.stop()
        if self._patience is not None:
            self._patience.stop()
        sock, self.sock = self.sock, None
        if sock is not None:
            self._engine.errors.forget(sock.fileno())
        return sock
