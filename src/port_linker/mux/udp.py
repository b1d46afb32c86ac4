"""UDP flows: one association of a local client with a service. I/O; runs on Python 3.9.

The host has one bound socket per service and one association per client address; the agent has one
connected socket per association, so replies find their client. Datagrams arrive whole or not at
all; nothing is repeated, as on a network.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import OrderedDict
from typing import Any, Callable, Optional

from port_linker.mux.engine import Engine
from port_linker.observe.counters import Traffic

IDLE_S = 60.0  # RFC 4787 asks NATs for two minutes; a local client asks again at once
MAX_ASSOCIATIONS = 1024  # of one service; past it the one that was silent longest leaves
SILENT_S = 1.0  # so long, at least: what is in use is not cut for what is new
BURST = 64  # datagrams read from one socket in its turn
SOCKET_BUFFER_BYTES = 4 * 1024 * 1024  # asked for; the kernel may give less
MAX_DATAGRAM_BYTES = 65_535


def widen_buffers(sock: socket.socket) -> None:
    """Ask for socket buffers that hold a burst while the loop is busy."""
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER_BYTES)


class UdpAssociation:
    """The host's side: replies go to one client address."""

    def __init__(
        self, port: UdpPort, number: int, client: Any, now: float, sender: Optional[bytes] = None
    ) -> None:
        """sender: the client's socket, where it is asked for."""
        self._port = port
        self.number = number
        self.client = client
        self.sender = sender
        self.used_at = now

    def on_data(self, data: memoryview) -> None:
        """Send one datagram to the client."""
        self.used_at = self._port.reply(self, data)

    def on_fin(self) -> None:
        """The agent ended the association."""
        self._port.forget(self)

    def on_reset(self, reason: str) -> None:
        """The agent refused or ended the association."""
        self._port.forget(self, is_refused=reason.startswith("refused"))

    def on_credit(self) -> None:
        """UDP has no credit."""

    def kill(self, reason: str) -> None:  # noqa: ARG002 - part of the flow interface
        """Forget the client; its next datagram opens a new association."""
        self._port.forget(self)


class UdpPort:
    """A bound socket that stands in for one UDP service."""

    def __init__(
        self,
        engine: Engine,
        service: str,
        sock: socket.socket,
        traffic: Traffic,
        accepts: Optional[Callable[[Any], Optional[bytes]]],
    ) -> None:
        """accepts: which socket is at a client's address, None if it may not pass."""
        self._engine, self._service, self._sock = engine, service, sock
        self._traffic, self._accepts = traffic, accepts
        self._loop = asyncio.get_running_loop()
        self._clients: OrderedDict[Any, UdpAssociation] = OrderedDict()
        widen_buffers(sock)
        self._loop.add_reader(sock, self._on_readable)

    def _on_readable(self) -> None:
        now = self._loop.time()
        for _ in range(BURST):
            try:
                data, client = self._sock.recvfrom(MAX_DATAGRAM_BYTES)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                continue  # an ICMP error of an earlier reply: the client is gone
            association = self._find(client, now)
            if association is None:
                continue
            association.used_at = now
            self._clients.move_to_end(client)
            if self._engine.machine.send_datagram(association.number, data):
                self._traffic.up_bytes += len(data)
            else:
                self._traffic.datagrams_dropped += 1
        self._engine.flush()

    def _find(self, client: Any, now: float) -> Optional[UdpAssociation]:
        """Return the association of the socket that has the client's address, perhaps a new one."""
        association = self._clients.get(client)
        sender: Optional[bytes] = None
        if self._accepts is not None:
            sender = self._accepts(client)
            if association is not None and association.sender != sender:
                self._end(association)
                association = None
            if sender is None:
                self._traffic.refused += 1
                return None
        return association or self._open(client, now, sender)

    def _open(self, client: Any, now: float, sender: Optional[bytes]) -> Optional[UdpAssociation]:
        if not self._has_room(now):
            self._traffic.datagrams_dropped += 1
            return None
        number = self._engine.machine.open_flow(self._service, is_udp=True)
        association = UdpAssociation(self, number, client, now, sender)
        self._clients[client] = association
        self._engine.add(number, association)
        self._traffic.flows_open += 1
        self._traffic.flows_total += 1
        return association

    def _has_room(self, now: float) -> bool:
        """Whether another association may be opened; one that was silent may leave for it."""
        if not (self._engine.is_attached and self._engine.machine.outbox.takes_openings):
            return False
        if len(self._clients) >= MAX_ASSOCIATIONS:
            oldest = next(iter(self._clients.values()))
            if now - oldest.used_at < SILENT_S:
                return False
            self._end(oldest)
        return True

    def reply(self, association: UdpAssociation, data: memoryview) -> float:
        """Send one datagram to a client, unless another socket has its address; return the time."""
        client = association.client
        if self._accepts is not None and self._accepts(client) != association.sender:
            self._end(association)
            self._traffic.datagrams_dropped += 1
            return self._loop.time()
        if client in self._clients:
            self._clients.move_to_end(client)
        try:
            self._sock.sendto(data, client)
            self._traffic.down_bytes += len(data)
        except OSError:
            self._traffic.datagrams_dropped += 1
        return self._loop.time()

    def forget(self, association: UdpAssociation, is_refused: bool = False) -> None:
        """Drop an association that has ended."""
        self._engine.drop(association.number)
        if self._clients.pop(association.client, None) is not None:
            self._traffic.flows_open -= 1
            self._traffic.refused += is_refused

    def sweep(self, now: float) -> None:
        """End the associations that were idle for IDLE_S; the oldest stand first."""
        for association in list(self._clients.values()):
            if now - association.used_at >= IDLE_S:
                self._end(association)

    def _end(self, association: UdpAssociation) -> None:
        self._engine.reset(association.number, "idle")
        self.forget(association)

    def close(self, reset_flows: bool = False) -> None:
        """Stop reading; the socket stays open, it belongs to the session."""
        self._loop.remove_reader(self._sock)
        if reset_flows:
            self.reset_flows()

    def reset_flows(self) -> None:
        """End every association; a client's next datagram opens a new one."""
        for association in list(self._clients.values()):
            self._end(association)
