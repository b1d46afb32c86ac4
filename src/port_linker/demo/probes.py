"""The requests that the demo makes on localhost, as any program here would. I/O.

Each returns milliseconds. Errors are OSError, TimeoutError, or DemoFault for a wrong answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from port_linker import clock
from port_linker.demo.services import GREETING, PAGE
from port_linker.demo.steps import DemoFault

Address = tuple[str, int]
UDP_TRIES = 3  # a datagram may be lost, as everywhere
UDP_WAIT_S = 2.0
MAX_REPLY_BYTES = 64 << 10


@dataclass(frozen=True)
class Page:
    """What a GET brought. status: "200 OK"."""

    status: str
    size_bytes: int
    took_ms: float


async def get_page(address: Address) -> Page:
    """GET the demo's page."""
    began_s = clock.monotonic_s()
    async with _connect(address) as (reader, writer):
        writer.write(
            b"GET / HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n\r\n" % address[1]
        )
        reply = await _read_all(reader)
    took_ms = _since_ms(began_s)
    head, _, body = reply.partition(b"\r\n\r\n")
    words = head.split(b"\r\n")[0].decode("ascii", "replace").split(" ", 1)
    if body != PAGE or len(words) != 2:
        raise DemoFault("another page came than the target has")
    return Page(words[1], len(body), took_ms)


async def echo_tcp(address: Address, data: bytes) -> float:
    """Send bytes and read the same ones back, up to the end of the stream."""
    began_s = clock.monotonic_s()
    async with _connect(address) as (reader, writer):
        writer.write(data)
        writer.write_eof()
        reply = await _read_all(reader)
    if reply != data:
        raise DemoFault("the echo brought other bytes than were sent")
    return _since_ms(began_s)


async def read_greeting(address: Address) -> None:
    """Connect to the service that started late and read its greeting."""
    async with _connect(address) as (reader, _writer):
        if await _read_all(reader) != GREETING:
            raise DemoFault("it said something else than expected")


async def check_refused(address: Address) -> None:
    """See that nothing listens there any more."""
    try:
        async with _connect(address):
            pass
    except ConnectionRefusedError:
        return
    raise DemoFault(f"port {address[1]} still takes connections")


async def echo_udp(address: Address, data: bytes) -> float:
    """Send one datagram and read it back."""
    loop = asyncio.get_running_loop()
    transport, inbox = await loop.create_datagram_endpoint(_Inbox, remote_addr=address)
    try:
        for _ in range(UDP_TRIES):
            began_s = clock.monotonic_s()
            transport.sendto(data)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(UDP_WAIT_S):
                    reply = await inbox.received.get()
                if reply != data:
                    raise DemoFault("the echo brought another datagram than was sent")
                return _since_ms(began_s)
    finally:
        transport.close()
    raise DemoFault("no datagram came back")


class _Inbox(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        del addr
        self.received.put_nowait(data)


@contextlib.asynccontextmanager
async def _connect(
    address: Address,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()  # the reply is read: nothing is left to flush


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    data = b""
    while part := await reader.read(MAX_REPLY_BYTES):
        data += part
        if len(data) > MAX_REPLY_BYTES:
            raise DemoFault("more bytes came than the target sent")
    return data


def _since_ms(began_s: float) -> float:
    return (clock.monotonic_s() - began_s) * 1000
