"""What the tests of open channels share."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from port_linker.deploy import connect
from port_linker.deploy.channel import AgentChannel
from port_linker.deploy.settings import (
    ConnectSettings,
    StepLimits,
)
from port_linker.errors import PortLinkerError
from port_linker.ssh.target import Target, TargetKind
from tests.deploy.rig import is_alive

QUICK = StepLimits(5.0, 5.0, 5.0, 5.0, 5.0)
Open = Callable[..., Awaitable[AgentChannel]]


def make_settings(**changes: Any) -> ConnectSettings:
    settings = ConnectSettings(
        agent_id=secrets.token_hex(8),
        token=secrets.token_hex(16),
        host_id="h1",
        limits=QUICK,
    )
    return dataclasses.replace(settings, **changes)


def shell(script: str) -> Target:
    """A target whose login runs this script with sh."""
    return Target(TargetKind.EXEC, ("sh", "-c", script))


async def ask(channel: AgentChannel, data: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        await loop.sock_sendall(channel.sock, data)
        return await loop.sock_recv(channel.sock, 65536)


async def fail(target: Target, settings: ConnectSettings | None = None) -> PortLinkerError:
    """Open a channel that must not open; return the error and leave no child."""
    before = children()
    with pytest.raises(PortLinkerError) as caught:
        await connect.open_agent_channel(target, settings or make_settings())
    assert caught.value.hint
    assert "\n" not in caught.value.message
    assert children() <= before
    return caught.value


def children() -> set[int]:
    """Return the pids of this process's children that run."""
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return {int(pid) for pid in text.split() if is_alive(int(pid))}


def read_command_lines() -> list[bytes]:
    """Return the command lines of all processes."""
    lines = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(entry.read_bytes())
    return lines
