"""A session's QUIC half against an agent's: stdio link in this process, fake sidecars."""

from __future__ import annotations

import asyncio
import os
import pathlib
from typing import Any

import pytest

from port_linker.agent.tunnel import Tunnel
from port_linker.errors import PortLinkerError
from port_linker.link.choose import Choice
from port_linker.link.find import Tunnel as HostTunnel
from port_linker.link.find import read_tunnel
from port_linker.link.interface import Binding
from port_linker.model import Service
from port_linker.session import executable, quic
from port_linker.session.events import LinkEvent, SessionEvent
from port_linker.session.quic import QuicSession
from port_linker.session.reporter import Reporter
from port_linker.session.settings import SessionSettings
from port_linker.ssh.target import parse_target
from tests.fakes.stdio_pair import StdioPair
from tests.fakes.tunnel import WAIT_S, write_fake


class QuicStage(StdioPair):
    """Both halves. Use as an async context manager."""

    def __init__(
        self,
        folder: pathlib.Path,
        monkeypatch: pytest.MonkeyPatch,
        how: str = "",
        link: str = "auto",
    ) -> None:
        super().__init__()
        self.path = write_fake(str(folder), how)
        self.cache = folder / "cache"
        self.cache.mkdir(exist_ok=True)
        self.told: asyncio.Queue[tuple[str, str | None]] = asyncio.Queue()
        self.choices: list[Choice] = []
        self.refused: list[PortLinkerError] = []
        monkeypatch.setattr(executable, "find_executable", lambda: self.path)
        monkeypatch.setattr(quic, "find_direct_addresses", self._find)
        self.host_tunnel: HostTunnel = read_tunnel(self.path)
        settings = SessionSettings("dev1", link=link)
        reporter = Reporter("dev1", self._emit)
        self.session = QuicSession(self.link, parse_target("dev1"), settings, reporter, self)
        self.new_agent()

    async def _find(self, *_: object) -> tuple[str, ...]:
        return ("127.0.0.1",)

    def new_agent(self) -> None:
        """Put a tunnel behind the agent."""
        engine = self.agent.engine

        def say(message: dict[str, Any]) -> None:
            engine.machine.send_control(message)
            engine.flush()

        self.tunnel = Tunnel(os.fspath(self.cache), say, engine.send_packet)
        self.tunnel.set_ssh("127.0.0.1 50000 127.0.0.1 22")
        self.agent.on_control = self.tunnel.on_control  # type: ignore[assignment,method-assign]
        engine.on_packet = self.tunnel.deliver

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()
        await self.tunnel.close()
        await super().__aexit__(*_)

    def on_attached(self, resumes: bool) -> None:
        super().on_attached(resumes)
        self.session.stdio_up(resumes)

    def on_control(self, message: dict[str, Any]) -> None:
        self.session.on_control(message)

    def on_choice(self, choice: Choice) -> None:
        self.choices.append(choice)

    def on_quic_refused(self, error: PortLinkerError) -> None:
        self.refused.append(error)

    def _emit(self, event: SessionEvent) -> None:
        if isinstance(event, LinkEvent) and event.rtt_ms is None:
            self.told.put_nowait((event.state.value, event.reason))

    async def until(self, state: str) -> str | None:
        """Wait until QUIC came into this state; return the reason."""
        async with asyncio.timeout(WAIT_S):
            while True:
                told, reason = await self.told.get()
                if told == state:
                    return reason

    def serve(self, port: int) -> Binding:
        """Bind a local port for a service, by way of the switch."""
        binding = self.mirror(port)
        self.link.release(binding)
        self.tunnel.set_services({binding.service: Service(binding.service, uid=0)})
        self.session.switch.adopt(binding)
        return binding
