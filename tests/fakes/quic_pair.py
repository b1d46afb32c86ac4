"""The QUIC link in one process: a QuicLink and two sidecars, fake ones or the real executable."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from port_linker.link import control, reports
from port_linker.link.interface import Binding
from port_linker.link.quic_link import QuicLink
from port_linker.model import Proto, ServiceId
from tests.fakes.tunnel import WAIT_S, Heard

SECRET, CONNECTION_ID = "01" * 32, "02" * 16


class QuicPair:
    """Host and target over loopback. Use as an async context manager."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.link = QuicLink()
        self.host, self.target = Heard(), Heard()
        self.table: dict[str, tuple[str, ...]] = {}
        self._owned: list[socket.socket] = []

    async def __aenter__(self) -> QuicPair:
        self.here, self.there = self.host.start(self.path), self.target.start(self.path)
        await self.here.greet()
        await self.there.greet()
        host = await self.here.ask(control.Start(control.ROLE_HOST), reports.Listening)
        start = control.Start(control.ROLE_TARGET, "127.0.0.1")
        target = await self.there.ask(start, reports.Listening)
        address = f"127.0.0.1:{target.port}"
        await self.there.send(control.Peer(host.fingerprint, SECRET, CONNECTION_ID))
        peer = control.Peer(target.fingerprint, SECRET, CONNECTION_ID, (address,))
        await self.here.ask(peer, reports.Connected, limit_s=WAIT_S)
        self.link.attach(self.here)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.link.close()
        await self.here.shut()
        await self.there.shut()
        for sock in self._owned:
            sock.close()

    async def mirror(
        self, port: int, accepts: Callable[..., bytes | None] | None = None
    ) -> Binding:
        """Bind a free local port for a service and wait until the sidecar has it."""
        service = ServiceId(Proto.TCP, "127.0.0.1", port)
        self.table[service.key] = (service.endpoint,)
        await self.push()
        sock = socket.create_server(("127.0.0.1", 0))
        sock.setblocking(False)
        self._owned.append(sock)
        binding = Binding(service, sock, f"127.0.0.1:{sock.getsockname()[1]}", accepts)
        adopted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.link.adopt(binding, adopted.set_result)
        async with asyncio.timeout(WAIT_S):
            assert await adopted
        return binding

    async def push(self) -> None:
        """Tell the target what it may dial, and wait until it knows."""
        await self.there.send(control.Services(dict(self.table)))
        await self.there.ask(control.AskStats(), reports.Stats)

    async def refresh(self) -> None:
        """Read the counters."""
        self.link.set_stats(await self.here.ask(control.AskStats(), reports.Stats))
