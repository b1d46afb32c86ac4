"""Services of the target, and clients of bindings, in one process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from port_linker.link.interface import Binding
from tests.fakes.stdio_pair import WAIT_S

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serve(handler: Handler) -> AsyncIterator[int]:
    """A TCP service of the target; gives its port."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0, limit=1 << 20)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def address(binding: Binding) -> tuple[str, int]:
    name = binding.sock.getsockname()
    return name[0], name[1]


async def dial(binding: Binding) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(WAIT_S):
        return await asyncio.open_connection(*address(binding), limit=1 << 20)


async def dial_and_read(binding: Binding) -> bytes:
    """A reset may come so early that connect itself tells of it."""
    reader, _writer = await dial(binding)
    return await read(reader, 1)


async def read(reader: asyncio.StreamReader, size: int) -> bytes:
    async with asyncio.timeout(WAIT_S):
        return await reader.readexactly(size)


@asynccontextmanager
async def serve_udp() -> AsyncIterator[int]:
    """A UDP echo; made by hand, since asyncio's transports skip empty datagrams."""
    loop = asyncio.get_running_loop()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)

    def answer() -> None:
        sock.sendto(*sock.recvfrom(70_000))

    loop.add_reader(sock, answer)
    try:
        yield sock.getsockname()[1]
    finally:
        loop.remove_reader(sock)
        sock.close()


async def udp_client(binding: Binding) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.connect(address(binding))
    return sock


async def ask_udp(sock: socket.socket, data: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(WAIT_S):
        sock.send(data)
        return await loop.sock_recv(sock, 70_000)
