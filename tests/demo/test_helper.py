"""The demo's hold on its target: it starts, obeys, answers in time, and ends."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Iterator

import pytest

from port_linker.demo import helper
from port_linker.demo.free import hold_ports
from port_linker.demo.helper import start_target
from port_linker.demo.probes import read_greeting
from port_linker.demo.services import PORT_NAMES
from port_linker.demo.steps import DemoFault
from port_linker.ssh.target import TargetKind, parse_target


@pytest.fixture
def ports() -> Iterator[tuple[int, ...]]:
    held = hold_ports(len(PORT_NAMES))
    yield held.ports
    held.close()


@pytest.fixture(autouse=True)
def on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(helper.FORCE_LOOPBACK, "1")


async def test_services_start_and_stop_on_order(ports: tuple[int, ...]) -> None:
    target = await start_target(ports)
    try:
        assert (target.host, target.is_private) == ("127.77.0.1", False)
        assert await target.start("late") > 0
        await read_greeting((target.host, target.ports["late"]))
        assert await target.stop("late") > 0
        with pytest.raises(DemoFault, match="in use"):
            await target.start("tcp")
        parsed = parse_target(target.spelling)
        assert parsed.kind is TargetKind.EXEC
        assert parsed.words[0] == sys.executable
        assert "port_linker.demo.join" in shlex.join(parsed.words)
    finally:
        await target.close()


async def test_a_target_that_ends_or_hangs_is_a_fault(
    ports: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helper, "ANSWER_LIMIT_S", 0.05)
    monkeypatch.setattr(helper, "END_LIMIT_S", 0.05)
    hanging = ["sh", "-c", "exec sleep 60"]
    monkeypatch.setattr(helper, "_python", lambda module: hanging)
    with pytest.raises(DemoFault, match="does not answer"):
        await start_target(ports)
    monkeypatch.setattr(helper, "_python", lambda module: ["true"])
    with pytest.raises(DemoFault, match="ended"):
        await start_target(ports)


async def test_a_target_that_is_killed_is_a_fault(ports: tuple[int, ...]) -> None:
    target = await start_target(ports)
    pid = int(parse_target(target.spelling).words[-2])
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(DemoFault, match="ended"):
        await target.start("late")
    await target.close()


async def test_a_start_that_is_cancelled_leaves_no_process(
    ports: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[asyncio.subprocess.Process] = []
    create = asyncio.create_subprocess_exec

    async def spy(*words: str, **options: object) -> asyncio.subprocess.Process:
        made.append(await create("sh", "-c", "read line", **options))  # type: ignore[arg-type]
        starting.cancel()
        return made[0]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", spy)
    starting = asyncio.ensure_future(start_target(ports))
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert made[0].returncode is not None
