"""One TCP flow: a connected socket here, frames there. I/O; runs on Python 3.9.

Half-close is kept in both directions; a reset stays a reset (SO_LINGER 0). A reader that does not
keep up holds at most the credit that its flow was granted. The loop is given descriptors, not
sockets: for a socket that it does not know yet asyncio builds an error text with four system calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from typing import Callable, Optional

from port_linker.mux.engine import Engine
from port_linker.observe.counters import Traffic

QUANTUM_BYTES = 128 * 1024  # read from one flow in its turn
CHUNK_BYTES = 64 * 1024  # what waits for a slow reader is kept in pieces of at least this
_LINGER_RESET = struct.pack("ii", 1, 0)


def reset_socket(sock: socket.socket) -> None:
    """Close with RST, so that the other side learns that this was no orderly end."""
    with contextlib.suppress(OSError):  # already disconnected: close is all that is left
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
    sock.close()


class TcpFlow:
    """Carries one connection. Until `start`, data that arrives is kept (the agent still dials)."""

    __slots__ = (
        "_backlog", "_engine", "_fin_arrived", "_fin_sent", "_head", "_is_reading", "_is_waiting",
        "_is_writing", "_loop", "_on_end", "_shut", "number", "sock", "traffic",
    )  # fmt: skip

    def __init__(
        self, engine: Engine, number: int, traffic: Traffic, on_end: Callable[[str], None]
    ) -> None:
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._on_end = on_end
        self.number = number
        self.sock: Optional[socket.socket] = None
        self.traffic = traffic
        self._backlog: deque[bytearray] = deque()
        self._head = 0  # bytes of the first that were sent
        self._is_reading = self._is_writing = self._is_waiting = False
        self._fin_sent = self._fin_arrived = self._shut = False

    def start(self, sock: socket.socket) -> None:
        """Begin to carry; the socket is connected and non-blocking, and the flow's from now on."""
        self.sock = sock
        if self._backlog or self._fin_arrived:
            self._on_writable()
        if self.sock is not None:
            self._read_on()
            self._on_readable()  # a first request is often there already

    # From the socket to the link

    def _read_on(self) -> None:
        if not self._is_reading and not self._fin_sent and self.sock is not None:
            self._is_reading = True
            self._loop.add_reader(self.sock.fileno(), self._on_readable)

    def _read_off(self) -> None:
        if self._is_reading and self.sock is not None:
            self._is_reading = False
            self._loop.remove_reader(self.sock.fileno())

    def _on_readable(self) -> None:
        sock, machine = self.sock, self._engine.machine
        if sock is None:
            return
        room = machine.sendable_bytes(self.number)
        if room <= 0:
            self._pause()
            return
        try:
            data = sock.recv(min(room, QUANTUM_BYTES))
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(error.strerror or "read failed")
            return
        if data:
            self.traffic.up_bytes += len(data)
            machine.send_data(self.number, data)
        else:
            self._fin_sent = True
            self._read_off()
            machine.send_fin(self.number)
            self._end_if_done()
        self._engine.flush()

    def _pause(self) -> None:
        """Stop reading: the link is full (wait for a turn) or the credit is used up."""
        self._read_off()
        if self._engine.machine.outbox.room_bytes <= 0 and not self._is_waiting:
            self._is_waiting = True
            self._engine.wait_for_room(self)

    def resume(self) -> None:
        """The link has room: take this flow's turn, then read on."""
        self._is_waiting = False
        self._read_on()
        if self._is_reading:
            self._on_readable()

    def on_credit(self) -> None:
        """Credit came: read on unless the flow waits for its turn."""
        if not self._is_waiting:
            self._read_on()

    # From the link to the socket

    def on_data(self, data: memoryview) -> None:
        """Hand bytes to the socket at once; keep what it does not take."""
        sent = 0
        if not self._backlog and self.sock is not None:
            try:
                sent = self.sock.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                self._fail(error.strerror or "write failed")
                return
        if sent < len(data):
            self._keep(data[sent:])
            self._write_on()
        self._took(sent)

    def _keep(self, data: memoryview) -> None:
        """Keep what waits, small pieces together: a million of one byte each would cost 100 MB."""
        if self._backlog and len(self._backlog[-1]) < CHUNK_BYTES:
            self._backlog[-1] += data
        else:
            self._backlog.append(bytearray(data))

    def on_fin(self) -> None:
        """The other end sends no more: pass the half-close on behind the data."""
        self._fin_arrived = True
        if self.sock is not None and not self._backlog:
            self._shut_down()

    def on_reset(self, reason: str) -> None:
        """The other end ended the flow; the machine has forgotten it."""
        self.kill(reason)

    def kill(self, reason: str) -> None:
        """End here at once with a reset, without a word to the other end."""
        self._detach()
        sock, self.sock = self.sock, None
        if sock is not None:
            reset_socket(sock)
        self._backlog.clear()
        self._on_end(reason)

    def abort(self, reason: str) -> None:
        """End both ends at once."""
        self._engine.reset(self.number, reason)
        self.kill(reason)

    def _took(self, count: int) -> None:
        if count:
            self.traffic.down_bytes += count
            self._engine.machine.consumed(self.number, count)

    def _write_on(self) -> None:
        if not self._is_writing and self.sock is not None:
            self._is_writing = True
            self._loop.add_writer(self.sock.fileno(), self._on_writable)

    def _on_writable(self) -> None:
        sock = self.sock
        if sock is None:
            return
        while self._backlog:
            first = self._backlog[0]
            try:
                with memoryview(first) as view, view[self._head :] as rest:
                    sent = sock.send(rest)
            except (BlockingIOError, InterruptedError):
                self._write_on()
                self._engine.flush()
                return
            except OSError as error:
                self._fail(error.strerror or "write failed")
                return
            self._head += sent
            if self._head == len(first):
                self._backlog.popleft()
                self._head = 0
            self._took(sent)
        if self._is_writing:
            self._is_writing = False
            self._loop.remove_writer(sock.fileno())
        self._engine.flush()
        if self._fin_arrived:
            self._shut_down()

    def _shut_down(self) -> None:
        if self._shut or self.sock is None:
            return
        self._shut = True
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._fail(error.strerror or "shutdown failed")
            return
        self._end_if_done()

    # The end

    def _end_if_done(self) -> None:
        if not (self._fin_sent and self._shut) or self.sock is None:
            return
        self._detach()
        self.sock.close()
        self.sock = None
        self._engine.drop(self.number)
        self._on_end("")

    def _fail(self, reason: str) -> None:
        """The local socket broke (reset, timed out): so does the far end."""
        self.abort(reason)

    def _detach(self) -> None:
        self._read_off()
        if self._is_writing and self.sock is not None:
            self._is_writing = False
            self._loop.remove_writer(self.sock.fileno())
