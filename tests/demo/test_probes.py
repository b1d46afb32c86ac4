"""The demo's requests tell a right answer from a wrong one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from port_linker.demo import probes
from port_linker.demo.services import PAGE
from port_linker.demo.steps import DemoFault


@asynccontextmanager
async def tcp_server(reply: bytes) -> AsyncIterator[tuple[str, int]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        writer.write_eof()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()


class Answer(asyncio.DatagramProtocol):
    def __init__(self, reply: bytes | None) -> None:
        self.reply = reply
        self.heard = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard += 1
        if self.reply is not None:
            self.transport.sendto(self.reply, addr)  # type: ignore[attr-defined]


GOOD_PAGE = b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n" + PAGE


async def test_a_page_is_told_by_status_size_and_time() -> None:
    async with tcp_server(GOOD_PAGE) as address:
        page = await probes.get_page(address)
    assert (page.status, page.size_bytes) == ("200 OK", len(PAGE))
    assert 0 < page.took_ms < 10_000


@pytest.mark.parametrize(
    ("ask", "reply", "fault"),
    [
        (probes.get_page, b"", "another page"),
        (probes.get_page, GOOD_PAGE + b"x", "another page"),
        (probes.get_page, b"HTTP/1.1\r\n\r\n" + PAGE, "another page"),
        (probes.get_page, b"x" * 200_000, "more bytes"),
        (lambda address: probes.echo_tcp(address, b"abc"), b"abd", "other bytes"),
        (probes.read_greeting, b"hello", "something else"),
    ],
)
async def test_a_wrong_answer_is_a_fault(
    ask: Callable[[tuple[str, int]], Awaitable[object]], reply: bytes, fault: str
) -> None:
    async with tcp_server(reply) as address:
        with pytest.raises(DemoFault, match=fault):
            await ask(address)


@pytest.mark.parametrize(
    ("reply", "fault"), [(b"other", "another datagram"), (None, "no datagram came back")]
)
async def test_a_wrong_or_missing_datagram_is_a_fault(
    reply: bytes | None, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "UDP_WAIT_S", 0.02)
    loop = asyncio.get_running_loop()
    transport, answer = await loop.create_datagram_endpoint(
        lambda: Answer(reply), local_addr=("127.0.0.1", 0)
    )
    with pytest.raises(DemoFault, match=fault):
        await probes.echo_udp(transport.get_extra_info("sockname"), b"data")
    assert answer.heard == (1 if reply else probes.UDP_TRIES)
    transport.close()
