"""docker:CONTAINER with the oldest Python that is supported (Debian 11: 3.9)."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from port_linker.deploy import connect
from port_linker.deploy.channel import AgentChannel, AgentRestarted, ChannelEnded
from port_linker.deploy.settings import ConnectSettings, StepLimits
from port_linker.errors import PortLinkerError
from port_linker.ssh.target import parse_target
from tests.deploy.rig import FAKE
from tests.lab.containers import Container

LIMITS = StepLimits(10.0, 10.0, 10.0, 10.0, 10.0)
pytestmark = pytest.mark.container


@pytest.fixture
def container(image: Callable[[str], str], tmp_path: Path) -> Iterator[Container]:
    made = Container(image("debian11"), str(tmp_path))
    yield made
    made.close()


@pytest.fixture
async def channels() -> AsyncIterator[list[AgentChannel]]:
    opened: list[AgentChannel] = []
    yield opened
    for channel in opened:
        await channel.close(grace_s=0)


def make_settings(resume: bool = False) -> ConnectSettings:
    return ConnectSettings(
        agent_id="a1b2c3d4",
        token="70cce4",
        host_id="h1",
        resume=resume,
        limits=LIMITS,
    )


async def ask(channel: AgentChannel, data: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        await loop.sock_sendall(channel.sock, data)
        return await loop.sock_recv(channel.sock, 65536)


async def test_python_3_9_in_a_container(
    container: Container, channels: list[AgentChannel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "build_bundle", lambda: FAKE)
    target = parse_target(f"docker:{container.name}")
    first = await connect.open_agent_channel(target, make_settings())
    channels.append(first)
    assert first.plan is not None
    assert first.plan.python.version is not None
    assert first.plan.python.version[:2] == (3, 9)
    assert await ask(first, b"hello\n") == b"hello\n"
    container.run("kill", "-9", str(first.agent_pid))
    assert isinstance(await first.wait_event(), AgentRestarted)
    os.kill(first.child_pid, signal.SIGKILL)
    assert isinstance(await first.wait_event(), ChannelEnded)
    second = await connect.open_agent_channel(target, make_settings(resume=True))
    channels.append(second)
    assert second.resumed
    assert await ask(second, b"hello\n") == b"hello\n"


async def test_ctrl_c_does_not_reach_the_docker_client(
    container: Container, channels: list[AgentChannel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The goodbye to the agent travels through it, and it does not ignore SIGINT."""
    monkeypatch.setattr(connect, "build_bundle", lambda: FAKE)
    target = parse_target(f"docker:{container.name}")
    channel = await connect.open_agent_channel(target, make_settings())
    channels.append(channel)
    assert os.getpgid(channel.child_pid) != os.getpgid(0)
    assert await ask(channel, b"!bye\n") == b""


async def test_the_real_agent_takes_the_channel(
    container: Container, channels: list[AgentChannel]
) -> None:
    target = parse_target(f"docker:{container.name}")
    channels.append(await connect.open_agent_channel(target, make_settings()))


async def test_a_container_that_is_not_there() -> None:
    with pytest.raises(PortLinkerError) as caught:
        await connect.open_agent_channel(parse_target("docker:no-such-thing"), make_settings())
    assert caught.value.code == "PL-DOCKER-NO-CONTAINER"
