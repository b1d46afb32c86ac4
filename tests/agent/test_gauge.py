"""The agent's service to measure by: for who knows the secret, bounded, gone afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from port_linker.agent import gauge as agent_gauge
from port_linker.agent.gauge import Gauges
from port_linker.agent.table import Row, ServiceTable
from port_linker.link import control, reports
from port_linker.link.sidecar import Sidecar
from port_linker.protocol import gauge
from tests.fakes.tunnel import WAIT_S, Heard, write_fake
from tests.fakes.waiting import until

SECRET = "cd" * 32


class Bench:
    """Gauges with a sidecar, and what the host hears."""

    def __init__(self, sidecar: Sidecar) -> None:
        self.sidecar = sidecar
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.table = ServiceTable()
        self.gauges = Gauges(self.table, self.heard.put_nowait)

    async def ask(self, question: gauge.Question) -> Any:
        await self.gauges.answer(question, self.sidecar)
        return gauge.parse_answer(self.heard.get_nowait())

    async def flow(
        self, what: str, size: int, secret: str = SECRET
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        gauged = await self.ask(gauge.QuicGauge(1, SECRET))
        reader, writer = await asyncio.open_connection("127.0.0.1", gauged.port)
        writer.write(gauge.encode_request(secret, what, size))
        return reader, writer


async def nothing(reader: asyncio.StreamReader) -> None:
    """The flow ends without a byte, by a reset or not."""
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""


@pytest.fixture
async def bench(tmp_path: pathlib.Path) -> AsyncIterator[Bench]:
    sidecar = Heard().start(write_fake(str(tmp_path)))
    await sidecar.greet()
    await sidecar.ask(control.Start(control.ROLE_TARGET, "127.0.0.1"), reports.Listening)
    made = Bench(sidecar)
    async with asyncio.timeout(WAIT_S):
        yield made
    made.gauges.close()
    await sidecar.shut()


async def test_packets_are_counted(bench: Bench) -> None:
    assert await bench.ask(gauge.QuicCount(7)) == gauge.QuicCounted(7, 0, 0)


async def test_the_service_may_be_dialled_while_it_is_there(bench: Bench) -> None:
    gauged = await bench.ask(gauge.QuicGauge(7, SECRET))
    assert gauged.attempt == 7
    key = f"tcp/127.0.0.1:{gauged.port}"
    assert bench.table._pushed == {key: Row((f"127.0.0.1:{gauged.port}",))}
    bench.gauges.close()
    await bench.table.begin(bench.sidecar)
    assert bench.table._pushed == {}
    with pytest.raises(OSError, match="onnect"):
        await asyncio.open_connection("127.0.0.1", gauged.port)


async def test_it_goes_by_itself(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_gauge, "OPEN_S", 0.0)
    await bench.ask(gauge.QuicGauge(7, SECRET))
    await until(lambda: bench.gauges._server is None)


async def test_bytes_come_back(bench: Bench) -> None:
    reader, writer = await bench.flow(gauge.ECHO, 1)
    for letter in (b"a", b"b"):
        writer.write(letter)
        assert await reader.readexactly(1) == letter
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()


async def test_bytes_are_sent(bench: Bench) -> None:
    reader, writer = await bench.flow(gauge.SEND, 300_000)
    assert len(await reader.read(-1)) == 300_000
    writer.close()


async def test_bytes_are_taken_and_told(bench: Bench) -> None:
    reader, writer = await bench.flow(gauge.TAKE, 300_000)
    writer.write(bytes(400_000))
    sample = gauge.parse_sample(await reader.readline())
    assert 300_000 <= sample.size <= 400_000
    writer.close()


async def test_a_slow_one_is_told_what_came_in_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gauge, "MEASURE_S", 0.05)
    reader, writer = await bench.flow(gauge.TAKE, 300_000)
    writer.write(bytes(1000))
    assert gauge.parse_sample(await reader.readline()).size == 1000
    writer.close()


@pytest.mark.parametrize(("what", "secret"), [("send", "ab" * 32), ("send", "é"), ("give", SECRET)])
async def test_a_stranger_gets_nothing(bench: Bench, what: str, secret: str) -> None:
    gauged = await bench.ask(gauge.QuicGauge(1, SECRET))
    reader, writer = await asyncio.open_connection("127.0.0.1", gauged.port)
    writer.write(f"{secret} {what} 5\n".encode())
    await nothing(reader)
    writer.close()


async def test_a_flow_ends_by_itself(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_gauge, "FLOW_S", 0.05)
    reader, writer = await bench.flow(gauge.ECHO, 1)
    await nothing(reader)
    writer.close()


async def test_there_are_not_too_many(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_gauge, "MAX_FLOWS", 0)
    reader, writer = await bench.flow(gauge.ECHO, 1)
    await nothing(reader)
    writer.close()


async def test_a_dead_sidecar_is_no_answer(bench: Bench) -> None:
    bench.sidecar.close()
    await bench.gauges.answer(gauge.QuicCount(1), bench.sidecar)
    assert bench.heard.empty()
