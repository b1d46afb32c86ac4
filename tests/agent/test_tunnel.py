"""The target's half: a sidecar per attempt, told what it may dial, reported when it ends."""

from __future__ import annotations

import asyncio
import hashlib
import os
import pathlib
import signal
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from port_linker.agent.tunnel import Tunnel
from port_linker.errors import ProtocolError
from port_linker.link import reports
from port_linker.model import Proto, Service, ServiceId
from port_linker.protocol import quic
from tests.fakes.tunnel import WAIT_S, write_fake

AB, CD, EF = "ab" * 32, "cd" * 32, "ef" * 16
SSH = "127.0.0.1 50000 127.0.0.1 22"


class Host:
    """The host's half, as the agent hears it."""

    def __init__(self, folder: pathlib.Path, how: str = "") -> None:
        path = write_fake(str(folder), how)
        with open(path, "rb") as file:
            self.data = file.read()
        self.packed = zlib.compress(self.data)
        digest = hashlib.sha256(self.data).hexdigest()
        size, machine = len(self.data), os.uname().machine
        self.executable = quic.Executable(digest, size, len(self.packed), machine)
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.packets: asyncio.Queue[bytes] = asyncio.Queue()
        self.tunnel = Tunnel(str(folder / "cache"), self.heard.put_nowait, self.relay)
        self.tunnel.set_ssh(SSH)
        (folder / "cache").mkdir()

    def relay(self, packet: bytes) -> bool:
        self.packets.put_nowait(packet)
        return True

    def ask(self, attempt: int = 1) -> None:
        start = quic.QuicStart(attempt, self.executable, AB, 40000, CD, EF)
        assert self.tunnel.on_control(start.to_json())

    async def word(self) -> Any:
        """Return what the agent says, once the executable is there."""
        while True:
            async with asyncio.timeout(WAIT_S):
                said = quic.parse_from_agent(await self.heard.get())
            if not isinstance(said, quic.QuicNeed):
                return said
            if said.at < len(self.packed):
                part = quic.QuicPart(said.digest, said.at, self.packed[said.at :])
                self.tunnel.on_control(part.to_json())


@pytest.fixture
async def host(tmp_path: pathlib.Path) -> AsyncIterator[Host]:
    made = Host(tmp_path)
    yield made
    await made.tunnel.close()


async def test_an_attempt_brings_a_sidecar_up(host: Host) -> None:
    assert host.tunnel.pids() == set()
    host.ask()
    ready = await host.word()
    assert isinstance(ready, quic.QuicReady)
    assert (ready.attempt, ready.fingerprint, ready.addresses) == (1, AB, ("127.0.0.1",))
    (pid,) = host.tunnel.pids()
    assert await host.tunnel.poll() is False, "nothing was acknowledged"
    assert await host.tunnel.poll() is True
    assert host.tunnel.flows_open == 0
    host.tunnel.on_control(quic.QuicStop(7).to_json())
    assert host.tunnel.pids() == {pid}, "another attempt's end is not ours"
    host.tunnel.on_control(quic.QuicStop(1).to_json())
    assert host.tunnel.pids() == set()


async def test_a_new_attempt_replaces_the_old(host: Host) -> None:
    host.ask(1)
    await host.word()
    old = host.tunnel.pids()
    host.ask(2)
    assert (await host.word()).attempt == 2
    assert host.tunnel.pids().isdisjoint(old)


async def test_a_killed_sidecar_is_reported(host: Host) -> None:
    host.ask()
    await host.word()
    (pid,) = host.tunnel.pids()
    os.kill(pid, signal.SIGKILL)
    ended = await host.word()
    assert isinstance(ended, quic.QuicEnded)
    assert not ended.is_final
    assert host.tunnel.pids() == set()


async def test_what_does_not_work_here_is_said_once_and_for_all(host: Host) -> None:
    host.tunnel._ssh = ""
    host.ask()
    ended = await host.word()
    assert ended.is_final
    assert "not reached by ssh" in ended.reason
    host.tunnel.set_ssh("fe80::1%eth0 50000 fe80::2%eth0 22")
    host.ask()
    assert "link-local" in (await host.word()).reason


async def test_a_sidecar_that_fails_is_no_end_for_ever(tmp_path: pathlib.Path) -> None:
    host = Host(tmp_path, "no-port")
    host.ask()
    ended = await host.word()
    assert not ended.is_final
    assert "no UDP port" in ended.reason
    await host.tunnel.close()


async def test_the_path_of_last_resort_follows_the_stdio_link(host: Host) -> None:
    host.tunnel.set_attached(True)
    host.ask()
    await host.word()
    async with asyncio.timeout(WAIT_S):
        assert await host.packets.get() == b"hello by relay"
    host.tunnel.deliver(memoryview(b"packet"))
    host.tunnel.set_attached(False)


async def test_each_side_tells_the_other_over_ssh_what_is_not_acknowledged(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    host.ask()
    await host.word()
    host.tunnel._on_event(reports.Quiet())  # ssh is down: nothing to tell it over
    host.tunnel.set_attached(True)
    host.tunnel.on_control(quic.QuicLife(1, is_quiet=False, link=2).to_json())
    assert await host.word() == quic.QuicLife(1, is_quiet=True, link=2)
    host.tunnel._on_event(reports.Heard())
    assert await host.word() == quic.QuicLife(1, is_quiet=False, link=2)
    host.tunnel.on_control(quic.QuicLife(7, is_quiet=True, link=2).to_json())  # another attempt
    host.tunnel.on_control(quic.QuicLife(1, is_quiet=True, link=2).to_json())
    async with asyncio.timeout(WAIT_S):
        while "sidecar: the peer is quiet: True" not in caplog.messages:
            await host.tunnel.poll()
    assert sum("the peer is quiet: True" in message for message in caplog.messages) == 1


async def test_services_are_pushed_at_every_change(host: Host) -> None:
    def service(port: int) -> dict[ServiceId, Service]:
        row = Service(ServiceId(Proto.TCP, "127.0.0.1", port), uid=0)
        return {row.id: row}

    host.tunnel.set_services(service(80))
    host.ask()
    await host.word()
    host.tunnel.set_services(service(80))
    host.tunnel.set_services(service(81))
    assert host.tunnel._table._pushing is not None
    await host.tunnel._table._pushing
    assert list(host.tunnel._table._pushed) == ["tcp/127.0.0.1:81"]


async def test_what_is_malformed_raises_and_the_rest_is_not_ours(host: Host) -> None:
    assert not host.tunnel.on_control({"t": "bye"})
    with pytest.raises(ProtocolError):
        host.tunnel.on_control({"t": "quic-start"})
