"""The target's side of a UDP flow: a connected socket, so that replies find their client. I/O.

Runs on Python 3.9. The host's side is in udp.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Callable, Optional

from port_linker.mux.engine import Engine
from port_linker.mux.udp import BURST, MAX_DATAGRAM_BYTES, widen_buffers

CHECK_S = 0.02  # between two questions who has the service's port; 50 a second, 5 µs each


class UdpFlow:
    """The agent's side of an association: a connected socket."""

    def __init__(
        self,
        engine: Engine,
        number: int,
        sock: socket.socket,
        on_end: Callable[[str], None],
        explain_refusal: Callable[[], Optional[str]] = lambda: None,
    ) -> None:
        """explain_refusal: why the service may be used no more; asked every CHECK_S at most."""
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._on_end = on_end
        self._explain_refusal = explain_refusal
        self.number = number
        self.sock: Optional[socket.socket] = sock
        self.used_at = self._checked_at = self._loop.time()
        widen_buffers(sock)
        self._loop.add_reader(sock, self._on_readable)

    def _check_owner(self) -> None:
        """End the association if another user has taken the service's port."""
        if self.used_at - self._checked_at < CHECK_S:
            return
        self._checked_at = self.used_at
        refusal = self._explain_refusal()
        if refusal is not None:
            self._engine.reset(self.number, refusal)
            self.kill(refusal)

    def _on_readable(self) -> None:
        self.used_at = self._loop.time()
        self._check_owner()
        for _ in range(BURST):
            if self.sock is None:
                return
            try:
                data = self.sock.recv(MAX_DATAGRAM_BYTES)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                continue  # an ICMP error of an earlier datagram (port unreachable): UDP goes on
            self._engine.machine.send_datagram(self.number, data)
        self.used_at = self._loop.time()
        self._engine.flush()

    def on_data(self, data: memoryview) -> None:
        """Send one datagram to the service, unless another user has taken its port."""
        self.used_at = self._loop.time()
        self._check_owner()
        if self.sock is not None:
            with contextlib.suppress(OSError):  # full buffer or unreachable: lost, as UDP may be
                self.sock.send(data)

    def on_fin(self) -> None:
        """The host ended the association (idle, or past the limit)."""
        self.kill("idle")
        self._engine.drop(self.number)

    def on_reset(self, reason: str) -> None:
        """The host ended the association."""
        self.kill(reason)
        self._engine.drop(self.number)

    def on_credit(self) -> None:
        """UDP has no credit."""

    def kill(self, reason: str) -> None:
        """Close the socket."""
        if self.sock is not None:
            self._loop.remove_reader(self.sock)
            self.sock.close()
            self.sock = None
            self._on_end(reason)
