"""QUIC comes up beside stdio, is missed by nobody when it goes, and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import signal

import pytest

from port_linker.errors import ProtocolError
from port_linker.link import reports
from port_linker.link.find import TunnelMissing
from port_linker.link.interface import Binding, LinkKind
from port_linker.protocol.quic import QuicLife, parse_from_host
from port_linker.session import executable
from tests.fakes.quic_stage import QuicStage
from tests.fakes.stdio_pair import FakeAgent
from tests.fakes.tunnel import WAIT_S
from tests.link.test_contract import Service, dial, echo


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing wait for a second."""
    monkeypatch.setattr("port_linker.link.retry.BROKEN_S", (0.05,))
    monkeypatch.setattr("port_linker.link.choose.WELL_S", 0.0)


@pytest.fixture
async def stage(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> QuicStage:
    return QuicStage(tmp_path, monkeypatch)


async def carried(stage: QuicStage) -> None:
    """Wait until every binding is with the sidecar."""
    async with asyncio.timeout(WAIT_S):
        while not all(
            seat.is_there
            for seats in stage.session.switch._seats.values()
            for seat in seats.values()
        ):
            stage.session.tick()
            await asyncio.sleep(0)


async def test_it_comes_up_and_takes_new_flows(stage: QuicStage) -> None:
    async with stage, Service() as service:
        binding = stage.serve(service.port)
        stage.session.start()
        await stage.until("up")
        await carried(stage)
        reader, writer = await dial(binding)
        await echo(reader, writer, b"x" * 100_000)
        writer.close()
        assert stage.link.traffic()[binding.service].flows_total == 0
        assert stage.session.is_carrying
        assert [choice.kind for choice in stage.choices] == [LinkKind.QUIC]


async def dial_and_echo(
    binding: Binding, data: bytes
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that a dying sidecar has still accepted dies with it; the next one does not."""
    for _ in range(2):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionResetError):
            reader, writer = await dial(binding)
            await echo(reader, writer, data)
            return reader, writer
    reader, writer = await dial(binding)
    await echo(reader, writer, data)
    return reader, writer


@pytest.mark.parametrize("side", ["host", "target"])
async def test_a_dead_sidecar_is_replaced(stage: QuicStage, side: str) -> None:
    async with stage, Service() as service:
        binding = stage.serve(service.port)
        stage.session.start()
        await stage.until("up")
        await carried(stage)
        attempt = stage.session._attempt
        assert attempt is not None
        (pid,) = {attempt.sidecar.pid} if side == "host" else stage.tunnel.pids()
        os.kill(pid, signal.SIGKILL)
        assert await stage.until("down")
        reader, writer = await dial_and_echo(binding, b"over stdio")
        await stage.until("up")
        await echo(reader, writer, b"still")
        writer.close()


async def test_it_goes_on_without_ssh(stage: QuicStage) -> None:
    async with stage, Service() as service:
        binding = stage.serve(service.port)
        stage.session.start()
        await stage.until("up")
        await carried(stage)
        stage.cut()
        stage.session.stdio_down()
        reader, writer = await dial(binding)
        await echo(reader, writer, b"no ssh needed")
        await stage.connect()
        await echo(reader, writer, b"and it is back")
        stage.session.woke()
        stage.session.route_changed()
        await echo(reader, writer, b"rebound")
        writer.close()


async def test_silence_is_told_to_the_agent_and_by_it(
    stage: QuicStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage:
        stage.session.start()
        await stage.until("up")
        told: asyncio.Queue[QuicLife] = asyncio.Queue()

        def hear(message: dict[str, object]) -> None:
            said = parse_from_host(message)
            if isinstance(said, QuicLife):
                told.put_nowait(said)

        monkeypatch.setattr(stage.agent, "on_control", hear)
        attempt = stage.session._attempt
        assert attempt is not None

        async def until(is_quiet: bool) -> None:
            async with asyncio.timeout(WAIT_S):
                while await told.get() != QuicLife(attempt.number, is_quiet, link=1):
                    pass

        attempt._take(reports.Quiet())
        await until(is_quiet=True)
        attempt._take(reports.Heard())
        await until(is_quiet=False)
        await stage.until("up")
        stage.session.on_control(QuicLife(attempt.number + 1, is_quiet=True, link=1).to_json())
        assert stage.session.is_carrying
        stage.session.on_control(QuicLife(attempt.number, is_quiet=True, link=1).to_json())
        assert await stage.until("down") == "UDP does not answer"


async def test_a_new_agent_gets_a_new_sidecar(stage: QuicStage) -> None:
    async with stage:
        stage.session.start()
        await stage.until("up")
        old = stage.tunnel
        stage.cut()
        stage.agent = FakeAgent("agent-2")
        stage.new_agent()
        await stage.connect(stage.agent)
        assert await stage.until("down") == "the agent is a new one"
        await stage.until("up")
        assert stage.tunnel.pids().isdisjoint(old.pids())
        await old.close()


async def test_an_attempt_that_a_dead_agent_swallowed_is_made_anew(stage: QuicStage) -> None:
    async with stage:
        asked = asyncio.Event()
        stage.agent.on_control = lambda message: asked.set()  # type: ignore[method-assign]
        stage.session.start()
        async with asyncio.timeout(WAIT_S):
            await asked.wait()
        stage.cut()
        stage.agent = FakeAgent("agent-2")
        stage.new_agent()
        await stage.connect(stage.agent)
        await stage.until("up")


async def test_where_nothing_answers_stdio_goes_on(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with QuicStage(tmp_path, monkeypatch, "unreachable") as stage, Service() as service:
        binding = stage.serve(service.port)
        stage.session.start()
        assert await stage.until("down") == "no address of the target answers over UDP"
        reader, writer = await dial(binding)
        await echo(reader, writer, b"x")
        writer.close()
        assert stage.refused == []


async def test_a_target_without_an_address_is_not_asked_again(stage: QuicStage) -> None:
    async with stage:
        stage.tunnel._ssh = ""
        stage.session.start()
        assert "not reached by ssh" in str(await stage.until("down"))
        async with asyncio.timeout(WAIT_S):
            while stage.session._go.is_set():  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0)
        assert stage.session._is_hopeless


async def test_who_wants_quic_or_nothing_hears_that_there_is_none(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with QuicStage(tmp_path, monkeypatch, "unreachable", link="quic") as stage:
        stage.session.start()
        await stage.until("down")
        async with asyncio.timeout(WAIT_S):
            while not stage.refused:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0)
        assert stage.refused[0].code == "PL-LINK-QUIC"


@pytest.mark.parametrize(("link", "refused"), [("auto", 0), ("quic", 1)])
async def test_without_the_wheel_that_is_said_once(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, link: str, refused: int
) -> None:
    def missing() -> str:
        raise TunnelMissing("looked everywhere")

    async with QuicStage(tmp_path, monkeypatch, link=link) as stage:
        monkeypatch.setattr(executable, "find_executable", missing)
        stage.session.start()
        assert await stage.until("down") == "port-linker-tunnel is not installed"
        assert len(stage.refused) == refused
        assert stage.told.empty()


async def test_with_stdio_chosen_nothing_is_started(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with QuicStage(tmp_path, monkeypatch, link="stdio") as stage:
        stage.session.start()
        stage.session.tick()
        stage.session.woke()
        stage.session.route_changed()
        assert stage.told.empty()


async def test_what_is_malformed_is_an_error(stage: QuicStage) -> None:
    async with stage:
        with pytest.raises(ProtocolError):
            stage.session.on_control({"t": "quic-ready"})
        stage.session.on_control({"t": "quic-later", "new": 1})
