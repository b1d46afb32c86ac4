"""Targets whose file systems are unkind, as private mount trees."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from port_linker.deploy import connect
from port_linker.deploy.bundle import pack_bundle
from port_linker.deploy.channel import AgentChannel, AgentRestarted
from port_linker.deploy.settings import ConnectSettings, StepLimits
from port_linker.ssh.target import Target, TargetKind
from tests.deploy.rig import FAKE, FAKE_SOURCES, is_alive
from tests.lab import mounts

LIMITS = StepLimits(10.0, 10.0, 10.0, 10.0, 10.0)

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="private mounts need root"),
]


@pytest.fixture
async def channels(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[AgentChannel]]:
    """Channels that the test opened; they and their agents end with it."""
    monkeypatch.setattr(connect, "build_bundle", lambda: FAKE)
    opened: list[AgentChannel] = []
    yield opened
    for channel in opened:
        await channel.close(grace_s=0)
        if is_alive(channel.agent_pid):
            os.kill(channel.agent_pid, signal.SIGKILL)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[str]:
    """A home outside the scratch folders that the mounts cover."""
    path = Path("/opt") / f"port-linker-test-{os.getpid()}-{tmp_path.name}"
    path.mkdir()
    yield str(path)
    shutil.rmtree(path)


# More than the 16 KiB that a full disk of the lab has left.
PAD = f"PAD = '{os.urandom(16 << 10).hex()}'"
BIG = pack_bundle({**FAKE_SOURCES, "port_linker.agent": PAD})
PYTHON = os.path.dirname(os.path.realpath(sys.executable))


async def open_in(
    channels: list[AgentChannel], prefix: list[str], home: str, resume: AgentChannel | None = None
) -> AgentChannel:
    """Open a channel to a sh that runs in a mount tree."""
    environment = ["env", "-i", f"HOME={home}", f"PATH={PYTHON}:/usr/bin:/bin:/usr/sbin:/sbin"]
    settings = ConnectSettings(
        agent_id="00aa" + os.path.basename(home).encode().hex()[-12:],
        token="70cce4",
        host_id="h1",
        resume=resume is not None,
        limits=LIMITS,
    )
    words = (*environment, *prefix, "sh")
    channel = await connect.open_agent_channel(Target(TargetKind.EXEC, words), settings)
    channels.append(channel)
    return channel


async def ask(channel: AgentChannel, data: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        await loop.sock_sendall(channel.sock, data)
        return await loop.sock_recv(channel.sock, 65536)


async def test_noexec_scratch_and_a_read_only_home(channels: list[AgentChannel], home: str) -> None:
    prefix = [*mounts.noexec_scratch(), *mounts.readonly_home(home)]
    channel = await open_in(channels, prefix, home)
    assert await ask(channel, b"hello") == b"hello"
    assert channel.plan is not None
    assert channel.plan.bases
    assert all(not found.executable for found in channel.report.dirs)


@pytest.mark.parametrize("mount", [mounts.nothing_writable, mounts.full_disk])
async def test_where_nothing_can_be_kept_the_agent_runs_from_memory(
    channels: list[AgentChannel],
    home: str,
    mount: Callable[[str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connect, "build_bundle", lambda: BIG)
    first = await open_in(channels, mount(home), home)
    assert await ask(first, b"hello") == b"hello"
    os.kill(first.agent_pid, signal.SIGKILL)
    assert isinstance(await first.wait_event(), AgentRestarted)
    second = await open_in(channels, mount(home), home, resume=first)
    assert second.resumed
    assert second.agent_pid == first.agent_pid
    assert await ask(second, b"hello") == b"hello"
