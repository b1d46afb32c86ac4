"""Flows to measure by: what an agent that misbehaves does to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from port_linker.doctor import flow
from port_linker.doctor.flow import FlowGauge
from port_linker.errors import ProtocolError
from port_linker.link.faults import SidecarFailed
from port_linker.protocol import gauge

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Stage(FlowGauge):
    """A gauge whose flows end at a function of the test, without QUIC in between."""

    def __init__(self) -> None:
        super().__init__(None)  # type: ignore[arg-type]

    async def serve(self, serve: Serve) -> None:
        self._is_open = True
        self.server = await asyncio.start_server(serve, sock=self._sock.dup())


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    yield made
    await made.close()
    if made._is_open:
        made.server.close()


async def test_nothing_flows_before_it_is_open(stage: Stage) -> None:
    with pytest.raises(SidecarFailed, match="did not take a socket"):
        await stage.ping(1)


async def test_a_flow_that_ends_is_no_round_trip(stage: Stage) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    await stage.serve(hang_up)
    with pytest.raises(OSError, match=r"ended|reset|Broken"):
        await stage.ping(1)


async def test_silence_has_an_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "PING_S", 0.05)
    monkeypatch.setattr(flow, "SLACK_S", 0.05)
    monkeypatch.setattr(gauge, "MEASURE_S", 0.05)

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass
        writer.close()

    await stage.serve(say_nothing)
    with pytest.raises(TimeoutError):
        await stage.ping(1)
    with pytest.raises(TimeoutError):
        await stage.download()
    with pytest.raises(TimeoutError):
        await stage.upload()


async def test_what_comes_within_the_time_counts(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gauge, "MEASURE_S", 0.05)

    async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert len((await reader.readline()).split()) == 3
        writer.write(b"x" * 5000)
        await reader.read()
        writer.close()

    await stage.serve(dribble)
    assert (await stage.download()).size == 5000


@pytest.mark.parametrize("line", [b"nonsense\n", b"x" * 200_000])
async def test_a_sample_that_is_none(stage: Stage, line: bytes) -> None:
    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(line)
        while await reader.read(65536):
            pass
        writer.close()

    await stage.serve(lie)
    with pytest.raises(ProtocolError):
        await stage.upload()
