"""A listening socket that stands in for one TCP service on the stdio link. I/O.

While the service is held (outage, or the grace of a restarting service) new connections wait in
the order of their arrival, each at most until its deadline, then they are reset.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections import deque
from collections.abc import Callable

from port_linker.link.interface import Binding, Traffic
from port_linker.mux.ending import reset_on_close, reset_socket
from port_linker.mux.engine import Engine
from port_linker.mux.tcp import TcpFlow

logger = logging.getLogger(__name__)

ACCEPT_BURST = 64  # accepted in one turn; the loop serves flows in between
MAX_PARKED = 512  # connections of one service that wait; more are reset at once
OUTAGE_WAIT_S = 10.0  # how long a new connection waits for a link to come back
NO_DESCRIPTORS_PAUSE_S = 0.2


class TcpPort:
    """Accepts for one service and opens a flow for each connection."""

    def __init__(
        self,
        engine: Engine,
        binding: Binding,
        traffic: Traffic,
        outage_wait_s: float = OUTAGE_WAIT_S,
    ) -> None:
        self._engine = engine
        self._binding = binding
        self._traffic = traffic
        self._outage_wait_s = outage_wait_s
        self._loop = asyncio.get_running_loop()
        self._parked: deque[tuple[float, socket.socket]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._hold_until: float | None = None
        self._flows: set[TcpFlow] = set()
        self._is_listening = False
        # What is accepted inherits both (Linux copies the listening socket), one call for all.
        binding.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reset_on_close(binding.sock)
        self.listen()

    def listen(self) -> None:
        """Take connections."""
        if not self._is_listening:
            self._is_listening = True
            self._loop.add_reader(self._binding.sock, self._on_acceptable)

    def pause(self) -> None:
        """Take no more connections; those that wait in the backlog stay there."""
        if self._is_listening:
            self._is_listening = False
            self._loop.remove_reader(self._binding.sock)

    def hold(self, wait_s: float | None) -> None:
        """Let new connections wait at most wait_s from now on; None lets them through."""
        self._hold_until = None if wait_s is None else self._loop.time() + wait_s
        self.serve_parked()

    def reset_flows(self) -> None:
        """Reset every flow, and every connection that waits."""
        for flow in list(self._flows):
            flow.abort("reset")
        while self._parked:
            self._refuse(self._parked.popleft()[1])

    def serve_parked(self) -> None:
        """Open flows for the connections that waited, if they may go now."""
        while self._parked and not self._is_held:
            self._open(self._parked.popleft()[1])

    @property
    def has_waiting(self) -> bool:
        """Whether connections wait here."""
        return bool(self._parked)

    @property
    def _is_held(self) -> bool:
        return self._hold_until is not None or not self._engine.is_attached

    def _on_acceptable(self) -> None:
        for _ in range(ACCEPT_BURST):
            if self._engine.is_choked:  # the kernel's backlog holds them meanwhile
                self.pause()
                self._engine.wait_for_room(self)
                return
            try:
                sock, peer = self._binding.sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._on_accept_error(error)
                return
            self._admit(sock, peer)

    def _admit(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        accepts: Callable[[tuple[str, int]], bytes | None] | None = self._binding.accepts
        if accepts is not None and accepts((peer[0], peer[1])) is None:
            self._refuse(sock)
            return
        sock.setblocking(False)
        if not self._is_held:
            self._open(sock)
        elif len(self._parked) >= MAX_PARKED:
            self._refuse(sock)
        else:
            self._park(sock)

    def _on_accept_error(self, error: OSError) -> None:
        if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
            logger.warning("accept failed", extra={"reason": error.strerror})
            return
        # The connection stays in the kernel's backlog; trying again at once would only spin.
        logger.warning("no descriptors left for a new connection", extra=self._fields())
        self.pause()
        self._loop.call_later(NO_DESCRIPTORS_PAUSE_S, self._listen_again)

    def resume(self) -> None:
        """The link has room: take connections again."""
        self._listen_again()

    def _listen_again(self) -> None:
        if self._binding.sock.fileno() >= 0 and not self._is_closed:
            self.listen()

    _is_closed = False

    def _fields(self) -> dict[str, str]:
        return {"service": self._binding.service.key}

    def _open(self, sock: socket.socket) -> None:
        number = self._engine.machine.open_flow(self._binding.service.key)

        def on_end(reason: str) -> None:
            self._flows.discard(flow)
            self._traffic.flows_open -= 1
            self._traffic.refused += reason.startswith("refused")

        flow = TcpFlow(self._engine, number, self._traffic, on_end)
        self._engine.add(number, flow)
        self._flows.add(flow)
        self._traffic.flows_open += 1
        self._traffic.flows_total += 1
        flow.start(sock)
        self._engine.flush()

    def _refuse(self, sock: socket.socket) -> None:
        self._traffic.refused += 1
        reset_socket(sock)

    # Connections that wait

    def _park(self, sock: socket.socket) -> None:
        now = self._loop.time()
        deadline = now + self._outage_wait_s
        if self._engine.is_attached and self._hold_until is not None:
            deadline = max(now, self._hold_until)
        self._parked.append((deadline, sock))
        if self._timer is not None and deadline < self._timer.when():
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now = self._loop.time()
        waiting: deque[tuple[float, socket.socket]] = deque()
        for deadline, sock in self._parked:
            if deadline <= now:
                self._refuse(sock)
            else:
                waiting.append((deadline, sock))
        self._parked = waiting
        if waiting:
            first = min(deadline for deadline, _sock in waiting)  # sockets have no order
            self._timer = self._loop.call_at(first, self._on_timer)

    def close(self, reset_flows: bool) -> None:
        """Take no more connections, reset those that wait; open flows go on unless told."""
        self._is_closed = True
        self.pause()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if reset_flows:
            self.reset_flows()
        while self._parked:
            self._refuse(self._parked.popleft()[1])
