"""Opens flows on the target: dials the service that the host asked for. I/O; Python 3.9."""

from __future__ import annotations

import contextlib
import logging
import resource
import socket
from typing import Callable, Optional

from port_linker.agent.dial import plan_dial
from port_linker.agent.dialer import Dialer, explain_dial, open_socket
from port_linker.agent.owner import REFUSED, OwnerCheck
from port_linker.model import Service
from port_linker.mux.ending import reset_socket
from port_linker.mux.engine import Engine
from port_linker.mux.tcp import TcpFlow
from port_linker.mux.udp_target import UdpFlow
from port_linker.observe.counters import Traffic

logger = logging.getLogger(__name__)

MAX_FLOWS = 10_000  # far above what a person's services need; descriptors end earlier
RESERVED_DESCRIPTORS = 64  # for scans, and for the attacher that comes after an outage


class FlowOpener:
    """Turns the host's OPEN into a connected socket, or a reset with the reason."""

    def __init__(self, engine: Engine, find: Callable[[str], Optional[Service]]) -> None:
        self._engine = engine
        self._find = find
        self._owners = OwnerCheck()
        self.traffic = Traffic()
        soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._limit = max(1, min(MAX_FLOWS, soft - RESERVED_DESCRIPTORS))

    def open(self, number: int, key: str, is_udp: bool) -> None:
        """Start a flow; what is not a service of this machine is refused."""
        service = self._find(key)
        if service is None or (service.id.proto.value == "udp") != is_udp:
            self._refuse(number, "refused")
        elif self.traffic.flows_open >= self._limit:
            self._refuse(number, "too many flows")
        elif is_udp:
            self._open_udp(number, service)
        else:
            self._open_tcp(number, service)

    def _refuse(self, number: int, reason: str) -> None:
        self.traffic.refused += 1
        self._engine.reset(number, reason)

    def _open_tcp(self, number: int, service: Service) -> None:
        flow = TcpFlow(self._engine, number, self.traffic, self._on_end)
        self._engine.add(number, flow)
        self._count()

        def on_connected(sock: socket.socket) -> None:
            if self._engine.flows.get(number) is flow:
                flow.start(sock)
            else:
                reset_socket(sock)  # the host gave up meanwhile

        def on_failed(reason: str) -> None:
            if self._engine.flows.get(number) is flow:
                self.traffic.refused += 1
                flow.abort(reason)

        def explain_refusal(near: tuple[str, int]) -> Optional[str]:
            return self._owners.explain_refusal(service, near)

        Dialer(plan_dial(service), on_connected, on_failed, explain_refusal).start()

    def _open_udp(self, number: int, service: Service) -> None:
        reason = REFUSED
        for near in plan_dial(service):
            try:
                sock = open_socket(near[0], socket.SOCK_DGRAM)
            except OSError as error:
                self._refuse(number, explain_dial(error.errno))
                return
            with contextlib.suppress(OSError):
                sock.connect(near)
                refusal = self._owners.explain_refusal(service, near, sock.getsockname()[:2])
                if refusal is None:
                    self._start_udp(number, service, near, sock)
                    return
                reason = refusal if reason == REFUSED else reason
            sock.close()
        self._refuse(number, reason)

    def _start_udp(
        self, number: int, service: Service, near: tuple[str, int], sock: socket.socket
    ) -> None:
        far = sock.getsockname()[:2]

        def explain_refusal() -> Optional[str]:
            refusal = self._owners.explain_refusal(service, near, far)
            return None if refusal == REFUSED else refusal  # it may be back soon

        flow = UdpFlow(self._engine, number, sock, self._on_end, explain_refusal)
        self._engine.add(number, flow)
        self._count()

    def _count(self) -> None:
        self.traffic.flows_open += 1
        self.traffic.flows_total += 1

    def _on_end(self, _reason: str) -> None:
        self.traffic.flows_open -= 1
