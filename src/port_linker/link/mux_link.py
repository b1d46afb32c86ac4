"""The stdio link, host end: bindings on one side, the mux over ssh's pipe on the other. I/O."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from port_linker.errors import ProtocolError
from port_linker.link.interface import Binding, LinkKind, Traffic
from port_linker.link.tcp_port import OUTAGE_WAIT_S, TcpPort
from port_linker.model import Proto, ServiceId
from port_linker.mux.engine import Engine
from port_linker.mux.udp import UdpPort
from port_linker.protocol.messages import Hello, parse_hello

logger = logging.getLogger(__name__)

T = TypeVar("T")
SWEEP_S = 5.0  # idle UDP associations are looked for this often
KEPT_PINGS = 8  # sent every 2 s; an answer to an older one is of no interest
KEPT_COUNTERS = 4096  # of services, those that are gone included; the oldest leave first


class LinkOwner(Protocol):
    """What the session wants to hear of the link."""

    def on_attached(self, resumes: bool) -> None:
        """The hellos met; flows move. resumes: those of before go on."""

    def on_link_lost(self, reason: str) -> None:
        """The pipe ended; flows wait."""

    def on_control(self, message: dict[str, Any]) -> None:
        """The agent says something."""

    def on_round_trip(self, rtt_s: float) -> None:
        """A ping was answered."""


class MuxLink:
    """Carries flows for the bindings it was given, over whichever pipe is attached."""

    kind = LinkKind.STDIO

    def __init__(self, owner: LinkOwner, me: str) -> None:
        self._owner = owner
        self._me = me
        self.outage_wait_s = OUTAGE_WAIT_S  # of a new connection, for the link to come back
        self._agent = ""  # whose state the engine holds
        self._engine = Engine(self, accepts_flows=False)
        self._tcp: dict[ServiceId, dict[str, TcpPort]] = {}
        self._udp: dict[ServiceId, dict[str, UdpPort]] = {}
        self._traffic: dict[ServiceId, Traffic] = {}
        self._pinged: deque[int] = deque(maxlen=KEPT_PINGS)  # clocks that were not answered yet
        self._loop = asyncio.get_running_loop()
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)

    # The pipe

    def connect(self, descriptors: tuple[int, int], secret: bytes) -> None:
        """Speak over a new pipe; flows go on once the agent has answered."""
        self._pinged.clear()
        pump = self._engine.connect(descriptors, secret)
        pump.start()
        received = self._engine.machine.receipt.received_bytes
        self._engine.machine.send_hello(Hello(self._me, self._agent, received).to_json())
        self._engine.flush()

    def pace_by(self, is_behind: Callable[[], bool]) -> None:
        """Have what the agent says wait while is_behind() is true; call it before `connect`."""
        self._engine.is_behind = is_behind

    def disconnect(self) -> None:
        """Drop the pipe; flows wait for the next one."""
        self._engine.disconnect()

    @property
    def is_attached(self) -> bool:
        """Whether flows move."""
        return self._engine.is_attached

    @property
    def received_bytes(self) -> int:
        """Raw bytes that the present pipe has brought; a sign of life."""
        return self._engine.received_bytes

    @property
    def kept_bytes(self) -> int:
        """Bytes sent and not acknowledged, kept for a new pipe."""
        return self._engine.machine.outbox.journal.kept_bytes

    def send_control(self, message: dict[str, Any]) -> None:
        """Say something to the agent; it waits through an outage."""
        self._engine.machine.send_control(message)
        self._engine.flush()

    def ping(self) -> None:
        """Ask for a sign of life."""
        self._pinged.append(time.monotonic_ns())
        self._engine.machine.send_ping(self._pinged[-1])
        self._engine.flush()

    # Link

    def adopt(self, binding: Binding) -> None:
        """Start to take connections or datagrams from this binding."""
        service = binding.service
        traffic = self._traffic.setdefault(service, Traffic())
        if len(self._traffic) > KEPT_COUNTERS:
            self._forget_counters(service)
        if service.proto is Proto.TCP:
            port = TcpPort(self._engine, binding, traffic, self.outage_wait_s)
            self._tcp.setdefault(service, {})[binding.local] = port
        else:
            udp = UdpPort(self._engine, service.key, binding.sock, traffic, binding.accepts)
            self._udp.setdefault(service, {})[binding.local] = udp

    def release(self, binding: Binding) -> None:
        """Stop to take new ones; flows that are open go on. The socket stays open."""
        tcp = _pop(self._tcp, binding)
        if tcp is not None:
            tcp.close(reset_flows=False)
        udp = _pop(self._udp, binding)
        if udp is not None:
            udp.close(reset_flows=True)

    def hold(self, service: ServiceId, deadline_s: float | None) -> None:
        """Let new connections to the service wait, at most deadline_s; None ends the hold."""
        for port in self._tcp.get(service, {}).values():
            port.hold(deadline_s)

    def has_waiting(self, binding: Binding) -> bool:
        """Whether connections of this binding wait for a link, or for the end of a hold."""
        port = self._tcp.get(binding.service, {}).get(binding.local)
        return port is not None and port.has_waiting

    def reset_flows(self, service: ServiceId | None = None) -> None:
        """Reset the flows of one service, or all of them."""
        for name, ports in self._tcp.items():
            if service is None or name == service:
                for port in ports.values():
                    port.reset_flows()
        for name, udp_ports in self._udp.items():
            if service is None or name == service:
                for udp in udp_ports.values():
                    udp.reset_flows()

    def traffic(self) -> dict[ServiceId, Traffic]:
        """Return the counters by service, for the display."""
        return self._traffic

    def _forget_counters(self, but: ServiceId) -> None:
        """Drop the counters of services that are gone and have no open flow."""
        for service, traffic in list(self._traffic.items()):
            if len(self._traffic) <= KEPT_COUNTERS:
                return
            is_bound = service in self._tcp or service in self._udp or service == but
            if not is_bound and not traffic.flows_open:
                del self._traffic[service]

    async def close(self) -> None:
        """End every flow and free what the link holds."""
        self._sweeper.cancel()
        for tcp in self._tcp_ports():
            tcp.close(reset_flows=True)
        for udp in self._udp_ports():
            udp.close(reset_flows=True)
        self._tcp.clear()
        self._udp.clear()
        self._engine.restart("the session ends")

    def _tcp_ports(self) -> list[TcpPort]:
        return [port for ports in self._tcp.values() for port in ports.values()]

    def _udp_ports(self) -> list[UdpPort]:
        return [port for ports in self._udp.values() for port in ports.values()]

    def _sweep(self) -> None:
        now = self._loop.time()
        for port in self._udp_ports():
            port.sweep(now)
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)

    def send_packet(self, packet: bytes) -> bool:
        """Send a QUIC packet of the path of last resort; False if it was dropped."""
        return self._engine.send_packet(packet)

    def on_packet(self, deliver: Callable[[memoryview], None]) -> None:
        """Have QUIC packets of the path of last resort delivered there."""
        self._engine.on_packet = deliver

    # What the engine tells

    def on_hello(self, message: dict[str, Any]) -> None:
        """The agent answers: go on, or begin anew with another agent."""
        try:
            hello = parse_hello(message)
            resumes = hello.me == self._agent and hello.peer == self._me
            if not resumes:
                self._engine.renew("the agent is a new one")
                self._agent = hello.me
            self._engine.attach(hello.received_bytes if resumes else 0)
        except ProtocolError as error:
            # What the other end misses is no longer kept: nothing can be resumed any more.
            self._agent = ""
            self._engine.restart(error.message)
            self._owner.on_link_lost(error.message)
            return
        for port in self._tcp_ports():
            port.serve_parked()
        self._owner.on_attached(resumes)

    def on_open(self, flow: int, service: str, is_udp: bool) -> None:
        """Part of an engine's handler; ours accepts no flows."""

    def on_control(self, message: dict[str, Any]) -> None:
        """A control message came."""
        self._owner.on_control(message)

    def on_pong(self, clock: int) -> None:
        """A ping was answered; what answers none of ours, or one a second time, says nothing."""
        if clock in self._pinged:
            self._pinged.remove(clock)
            self._owner.on_round_trip((time.monotonic_ns() - clock) / 1e9)

    def on_lost(self, reason: str) -> None:
        """The pipe ended. After nonsense nothing can be resumed: both ends begin anew."""
        if self._engine.is_broken:
            self._agent = ""
            self._engine.restart(reason)
        self._owner.on_link_lost(reason)


def _pop(ports: dict[ServiceId, dict[str, T]], binding: Binding) -> T | None:
    """Take one binding's port out of the table."""
    of_service = ports.get(binding.service)
    if of_service is None:
        return None
    port = of_service.pop(binding.local, None)
    if not of_service:
        del ports[binding.service]
    return port
