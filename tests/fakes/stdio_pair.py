"""The stdio link in one process: the host's MuxLink, an agent's engine, and a pipe to cut."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any, Self

from port_linker.agent.flows import FlowOpener
from port_linker.agent.lease import Lease
from port_linker.agent.machine import AgentMachine
from port_linker.link.interface import Binding
from port_linker.link.mux_link import MuxLink
from port_linker.model import Proto, Service, ServiceId
from port_linker.mux.engine import Engine
from port_linker.mux.pump import Pump
from port_linker.protocol.messages import parse_hello

SECRET = b"0123456789abcdef"
WAIT_S = 10.0


class FakeAgent:
    """An agent without discovery: it dials whatever service it is told of."""

    def __init__(self, name: str = "agent-1") -> None:
        self.machine = AgentMachine(name, Lease(100.0, 100.0, 0.0))
        self.engine = Engine(self)
        self.services: dict[str, Service] = {}
        self.opener = FlowOpener(self.engine, self.services.get)
        self.controls: list[dict[str, Any]] = []
        self.lost: list[str] = []
        self._pump: Pump | None = None

    def connect(self, sock: socket.socket) -> None:
        self._pump = self.engine.connect((sock.fileno(), sock.fileno()), SECRET)

    def on_hello(self, message: dict[str, Any]) -> None:
        hello = parse_hello(message)
        answer = self.machine.hello(self.engine.machine.receipt.received_bytes)
        resumes = self.machine.meet(hello)
        if not resumes:
            self.engine.renew("another host")
        assert self._pump is not None
        self._pump.start()
        self.engine.machine.send_hello(answer.to_json())
        self.engine.attach(hello.received_bytes if resumes else 0)

    def on_open(self, flow: int, service: str, is_udp: bool) -> None:
        self.opener.open(flow, service, is_udp)

    def on_control(self, message: dict[str, Any]) -> None:
        self.controls.append(message)

    def on_pong(self, clock: int) -> None:
        raise AssertionError("the agent sends no pings")

    def on_lost(self, reason: str) -> None:
        self.lost.append(reason)


class StdioPair:
    """Host and agent, joined by a socketpair. Use as an async context manager."""

    def __init__(self) -> None:
        self.agent = FakeAgent()
        self.link = MuxLink(self, "host-1")
        self.attached: asyncio.Queue[bool] = asyncio.Queue()
        self.lost: asyncio.Queue[str] = asyncio.Queue()
        self.round_trips: asyncio.Queue[float] = asyncio.Queue()
        self.controls: list[dict[str, Any]] = []
        self._pipe: tuple[socket.socket, ...] = ()
        self._owned: list[socket.socket] = []

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.link.close()
        self.agent.engine.restart("the test ends")
        self._drop_pipe()
        for sock in self._owned:
            sock.close()

    async def connect(self, agent: FakeAgent | None = None) -> bool:
        """Attach over a new pipe; return whether flows went on."""
        self.plug(agent)
        async with asyncio.timeout(WAIT_S):
            return await self.attached.get()

    def plug(self, agent: FakeAgent | None = None) -> None:
        """Lay a new pipe and start both ends on it."""
        self.agent = agent or self.agent
        self._drop_pipe()
        here, there = self._pipe = socket.socketpair()
        for sock in self._pipe:
            sock.setblocking(False)
        self.agent.connect(there)
        self.link.connect((here.fileno(), here.fileno()), SECRET)

    def cut(self) -> None:
        """Drop the pipe on both ends at once, with what is in it."""
        self.link.disconnect()
        self.agent.engine.disconnect()
        self._drop_pipe()

    def hang_up(self) -> None:
        """Close the agent's end, as ssh does when it dies."""
        self.agent.engine.disconnect()
        self._pipe[1].close()

    def _drop_pipe(self) -> None:
        for sock in self._pipe:
            with contextlib.suppress(OSError):
                sock.close()

    def mirror(
        self,
        port: int,
        proto: Proto = Proto.TCP,
        host: str = "127.0.0.1",
        accepts: Callable[[tuple[str, int]], bytes | None] | None = None,
    ) -> Binding:
        """Bind a free local port for a service and let the link have it."""
        service = ServiceId(proto, host, port)
        self.agent.services[service.key] = Service(service, uid=0)
        kind = socket.SOCK_STREAM if proto is Proto.TCP else socket.SOCK_DGRAM
        sock = socket.socket(socket.AF_INET, kind)
        sock.bind(("127.0.0.1", 0))
        if proto is Proto.TCP:
            sock.listen(512)
        sock.setblocking(False)
        self._owned.append(sock)
        binding = Binding(service, sock, f"127.0.0.1:{sock.getsockname()[1]}", accepts)
        self.link.adopt(binding)
        return binding

    # LinkOwner

    def on_attached(self, resumes: bool) -> None:
        self.attached.put_nowait(resumes)

    def on_link_lost(self, reason: str) -> None:
        self.lost.put_nowait(reason)

    def on_control(self, message: dict[str, Any]) -> None:
        self.controls.append(message)

    def on_round_trip(self, rtt_s: float) -> None:
        self.round_trips.put_nowait(rtt_s)
