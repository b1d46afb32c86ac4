"""What runs on the demo's target: a web page, a TCP echo, a UDP echo, a greeter. I/O."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import cast

NAMES = ("web", "tcp", "udp", "late")
QUIC = "quic"  # the port of the UDP path, which is no service
PORT_NAMES = (*NAMES, QUIC)
REQUEST_LIMIT_S = 10.0  # for a browser to send its request; then the place is free again
CHUNK_BYTES = 64 << 10
GREETING = b"hello from a service that started late\n"
PAGE = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>port-linker demo</title></head>
<body><h1>It works.</h1>
<p>This page comes from the demo's target, through port-linker, to your localhost.</p>
</body></html>
"""


class Services:
    """The services by name, each of which can start and stop. host: where they listen."""

    def __init__(self, host: str, ports: Mapping[str, int]) -> None:
        self._host, self._ports = host, ports
        self._running: dict[str, asyncio.Server | asyncio.DatagramTransport] = {}
        self._flows: set[asyncio.StreamWriter] = set()

    async def start(self, name: str) -> None:
        """Open one. Raises OSError if its port is taken, KeyError if there is no such service."""
        host, port = self._host, self._ports[name]
        if name == "udp":
            loop = asyncio.get_running_loop()
            self._running[name], _ = await loop.create_datagram_endpoint(
                _DatagramEcho, local_addr=(host, port)
            )
            return
        serve = {"web": _serve_page, "tcp": _serve_echo, "late": _serve_greeting}[name]

        async def serve_flow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._flows.add(writer)
            try:
                with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                    await serve(reader, writer)
            finally:
                self._flows.discard(writer)
                writer.close()

        self._running[name] = await asyncio.start_server(serve_flow, host, port)

    def stop(self, name: str) -> None:
        """Close one; what it serves goes on. Raises KeyError if it does not run."""
        self._running.pop(name).close()

    def close(self) -> None:
        """Close all of them and what they serve."""
        for name in list(self._running):
            self.stop(name)
        for writer in list(self._flows):
            writer.transport.abort()


async def _serve_page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        async with asyncio.timeout(REQUEST_LIMIT_S):
            request = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        return
    status = b"200 OK" if request.startswith(b"GET / ") else b"404 Not Found"
    body = PAGE if status.startswith(b"200") else b"not here\n"
    head = b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\n" % (status, len(body))
    writer.write(head + b"Connection: close\r\n\r\n" + body)
    await writer.drain()


async def _serve_echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()


async def _serve_greeting(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(GREETING)
    await writer.drain()


class _DatagramEcho(asyncio.DatagramProtocol):
    transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)  # of that class from 3.12 on

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(data, addr)
