"""The services of the demo's target, asked directly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from port_linker.demo import probes, services
from port_linker.demo.free import LOOPBACK_HOST, hold_ports
from port_linker.demo.services import NAMES, PAGE, PORT_NAMES, Services
from port_linker.demo.steps import DemoFault


@pytest.fixture
def ports() -> Iterator[dict[str, int]]:
    held = hold_ports(len(PORT_NAMES))
    yield dict(zip(PORT_NAMES, held.ports, strict=True))
    held.close()


@pytest.fixture
async def running(ports: dict[str, int]) -> AsyncIterator[Services]:
    made = Services(LOOPBACK_HOST, ports)
    for name in NAMES:
        await made.start(name)
    yield made
    made.close()


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(LOOPBACK_HOST, port)
    writer.write(request)
    reply = await reader.read()
    writer.close()
    return reply


async def test_the_page_and_the_lack_of_others(running: Services, ports: dict[str, int]) -> None:
    page = await ask(ports["web"], b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert page.startswith(b"HTTP/1.1 200 OK\r\n")
    assert page.endswith(b"\r\n\r\n" + PAGE)
    assert (await ask(ports["web"], b"GET /x HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 404 ")
    assert await ask(ports["web"], b"x" * 100_000) == b""


async def test_a_browser_that_says_nothing_is_let_go(
    running: Services, ports: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "REQUEST_LIMIT_S", 0.05)
    assert await ask(ports["web"], b"GET /") == b""


async def test_echoes_and_greeting(running: Services, ports: dict[str, int]) -> None:
    data = bytes(range(256)) * 1000
    reader, writer = await asyncio.open_connection(LOOPBACK_HOST, ports["tcp"])
    writer.write(data)
    writer.write_eof()
    assert await reader.read(-1) == data
    writer.close()
    assert await ask(ports["late"], b"") == services.GREETING
    assert await probes.echo_udp((LOOPBACK_HOST, ports["udp"]), b"ping") >= 0


async def test_a_stopped_one_refuses_and_the_others_go_on(
    running: Services, ports: dict[str, int]
) -> None:
    running.stop("late")
    await probes.check_refused((LOOPBACK_HOST, ports["late"]))
    with pytest.raises(DemoFault, match="still takes connections"):
        await probes.check_refused((LOOPBACK_HOST, ports["tcp"]))
    with pytest.raises(KeyError):
        running.stop("late")
    await running.start("late")
    await probes.read_greeting((LOOPBACK_HOST, ports["late"]))


async def test_closing_ends_what_is_open(running: Services, ports: dict[str, int]) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK_HOST, ports["tcp"])
    writer.write(b"x")
    assert await reader.read(1) == b"x"
    running.close()
    assert await reader.read(1) == b""
    writer.close()
