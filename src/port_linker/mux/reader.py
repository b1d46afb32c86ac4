"""One direction of a TCP flow: from the socket to the link. I/O; runs on Python 3.9.

The loop is given descriptors, not sockets: for a socket that it does not know yet asyncio builds
an error text with four system calls.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Callable, Optional

from port_linker.mux.engine import Engine
from port_linker.observe.counters import Traffic

QUANTUM_BYTES = 128 * 1024  # read from one flow in its turn


class SocketReader:
    """Reads while the link has room and the flow has credit, to the socket's end."""

    __slots__ = (
        "_engine", "_is_reading", "_is_waiting", "_loop", "_number", "_on_end", "_on_error",
        "_sock", "_traffic", "is_over", "sent_bytes",
    )  # fmt: skip

    def __init__(
        self,
        engine: Engine,
        number: int,
        traffic: Traffic,
        on_end: Callable[[], None],
        on_error: Callable[[OSError], None],
    ) -> None:
        """on_end, on_error: the socket's end, when all that came before it was sent."""
        self._engine, self._number, self._traffic = engine, number, traffic
        self._on_end, self._on_error = on_end, on_error
        self._loop = asyncio.get_running_loop()
        self._sock: Optional[socket.socket] = None
        self._is_reading = False
        self._is_waiting = False  # for its turn on a full link
        self.is_over = False
        self.sent_bytes = 0

    def start(self, sock: socket.socket) -> None:
        """Begin to read."""
        self._sock = sock
        self.read_on()
        self._on_readable()  # a first request is often there already

    def read_on(self) -> None:
        """Go on, unless it waits for its turn."""
        if not (self._is_reading or self._is_waiting or self.is_over) and self._sock is not None:
            self._is_reading = True
            self._loop.add_reader(self._sock.fileno(), self._on_readable)

    def stop(self) -> None:
        """Read no more; the socket stays open."""
        self._read_off()
        self.is_over = True
        self._sock = None

    def resume(self) -> None:
        """The link has room: take this flow's turn, then read on."""
        self._is_waiting = False
        self.read_on()
        if self._is_reading:
            self._on_readable()

    def _read_off(self) -> None:
        if self._is_reading and self._sock is not None:
            self._is_reading = False
            self._loop.remove_reader(self._sock.fileno())

    def _on_readable(self) -> None:
        sock, machine = self._sock, self._engine.machine
        if sock is None:
            return
        room = machine.sendable_bytes(self._number)
        if room <= 0:
            self._pause()
            return
        try:
            data = sock.recv(min(room, QUANTUM_BYTES))
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.stop()
            self._on_error(error)
            return
        if data:
            self._traffic.up_bytes += len(data)
            self.sent_bytes += len(data)
            machine.send_data(self._number, data)
        else:
            self.stop()
            self._on_end()
        self._engine.flush()

    def _pause(self) -> None:
        """Stop reading: the link is full (wait for a turn) or the credit is used up."""
        self._read_off()
        if self._engine.machine.outbox.room_bytes <= 0 and not self._is_waiting:
            self._is_waiting = True
            self._engine.wait_for_room(self)
