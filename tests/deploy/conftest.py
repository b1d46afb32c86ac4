"""Fixtures of this room."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from port_linker.deploy import connect
from port_linker.deploy.channel import AgentChannel
from port_linker.deploy.settings import (
    ConnectSettings,
    Progress,
)
from port_linker.ssh import spawn
from port_linker.ssh.target import Target
from tests.deploy.channels import (
    Open,
    make_settings,
)
from tests.deploy.rig import FAKE, AttacherRig, is_alive

MakeRig = Callable[[], AttacherRig]


@pytest.fixture
def make_rig() -> Iterator[MakeRig]:
    """Start attachers, and end them with their agents."""
    rigs: list[AttacherRig] = []

    def make() -> AttacherRig:
        rigs.append(AttacherRig())
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of our own on the target, which is this machine."""
    path = tmp_path / "home"
    path.mkdir()
    monkeypatch.setenv("HOME", str(path))
    python = Path(sys.executable).resolve().parent
    monkeypatch.setenv("PATH", f"{python}:{os.environ['PATH']}")
    monkeypatch.setattr(connect, "build_bundle", lambda: FAKE)
    return path


@pytest.fixture
async def opened(home: Path) -> AsyncIterator[Open]:
    """Open channels, and end them with their agents."""
    channels: list[AgentChannel] = []

    async def open_channel(
        target: Target,
        settings: ConnectSettings | None = None,
        on_progress: Callable[[Progress], None] = lambda _: None,
        unattended: bool = False,
    ) -> AgentChannel:
        channel = await connect.open_agent_channel(
            target, settings or make_settings(), on_progress, unattended
        )
        channels.append(channel)
        return channel

    yield open_channel
    for channel in channels:
        await channel.close(grace_s=0)
        if is_alive(channel.agent_pid):
            os.kill(channel.agent_pid, signal.SIGKILL)


@pytest.fixture
def fake_ssh(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(spawn, "_ssh_versions", {})

    def put(script: str) -> Path:
        head = '[ "$1" = -V ] && { echo OpenSSH_9.2p1 >&2; exit; }\n'
        (folder / "ssh").write_text(
            f'#!/bin/sh\n{head}printf "%s\\n" "$@" >{folder}/argv\n{script}'
        )
        (folder / "ssh").chmod(0o755)
        return folder / "argv"

    return put
