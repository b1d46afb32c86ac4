"""Services for the target: echo, sink, source and the ill-mannered ones, all on one asyncio thread.

The sockets are made in the target's namespace, so the services run there though the code runs
here: a test starts one in a millisecond and may look into it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TypeVar

from tests.lab.netns import Namespace
from tests.lab.payload import blocks

T = TypeVar("T")
Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
Handler = Callable[[Reader, Writer], Awaitable[None]]
LIMIT = 1 << 20


async def echo(reader: Reader, writer: Writer) -> None:
    """Send back what comes, and end when it ends."""
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()


async def sink(reader: Reader, writer: Writer) -> None:
    """Read to the end, then answer with the SHA-256 of it: needs half-close."""
    whole = hashlib.sha256()
    while data := await reader.read(LIMIT):
        whole.update(data)
    writer.write(whole.hexdigest().encode())


async def source(reader: Reader, writer: Writer) -> None:
    """Read a line with a size, send that many bytes of the payload, and end."""
    for block in blocks(int(await reader.readline())):
        writer.write(block)
        await writer.drain()


async def greet(reader: Reader, writer: Writer) -> None:
    """Send one byte at once and end with the other side."""
    writer.write(b"!")
    await reader.read()


async def reset(reader: Reader, writer: Writer) -> None:
    """Answer the first bytes with a reset."""
    await reader.read(1)
    abort(writer)


async def count_to_end(reader: Reader, writer: Writer) -> None:
    """Read to the end, wait for nothing else, then say how many bytes there were."""
    writer.write(str(len(await reader.read())).encode())


async def close_first(reader: Reader, writer: Writer) -> None:
    """Say bye and end our direction at once, then hash what still comes."""
    writer.write(b"bye")
    writer.write_eof()
    await reader.read()


def abort(writer: Writer) -> None:
    """Reset a connection."""
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class UdpEcho:
    """Send back every datagram, empty ones too (asyncio would drop those), and keep the peers."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.peers: set[tuple[str, int]] = set()

    def answer(self) -> None:
        """Answer what has come; called when the socket can be read."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(64):
                data, peer = self.sock.recvfrom(1 << 16)
                self.peers.add(peer)
                self.sock.sendto(data, peer)


class Served:
    """One service that runs; close() frees its port."""

    def __init__(self, services: Services, port: int, end: Callable[[], None]) -> None:
        self.services, self.port, self._end = services, port, end

    def close(self) -> None:
        """Stop listening and reset what is open."""
        end, self._end = self._end, lambda: None
        self.services.ask(_call(end))

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


async def _call(function: Callable[[], None]) -> None:
    function()
    await asyncio.sleep(0)


class Services:
    """The services of one namespace, on one thread. Use it as a context manager."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.loop = asyncio.new_event_loop()
        self.open: set[asyncio.StreamWriter] = set()
        self.served: list[Served] = []
        self.thread = threading.Thread(target=self.loop.run_forever, name="services", daemon=True)
        self.thread.start()

    def ask(self, work: Awaitable[T]) -> T:
        """Run a coroutine on the thread and return its result."""

        async def body() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(body(), self.loop).result(10)

    def tcp(self, handler: Handler = echo, port: int = 0, host: str = "127.0.0.1") -> Served:
        """Serve a handler on a TCP port (0: any free one)."""
        listening = self.namespace.listen(host, port)
        return self.serve(listening, handler)

    def serve(self, listening: socket.socket, handler: Handler = echo) -> Served:
        """Serve a handler on a socket that listens already."""
        port = listening.getsockname()[1]
        mine: set[asyncio.StreamWriter] = set()

        async def connected(reader: Reader, writer: Writer) -> None:
            mine.add(writer)
            try:
                with contextlib.suppress(ConnectionError, ValueError):
                    await handler(reader, writer)
            finally:
                mine.discard(writer)
                writer.close()

        async def start() -> asyncio.Server:
            return await asyncio.start_server(connected, sock=listening, limit=LIMIT)

        server = self.ask(start())

        def end() -> None:
            server.close()
            for writer in tuple(mine):
                abort(writer)

        return self._keep(Served(self, port, end))

    def udp(self, port: int = 0, host: str = "127.0.0.1") -> tuple[Served, UdpEcho]:
        """Serve a UDP echo; it takes datagrams of any size."""
        bound = self.namespace.bind_udp(host, port)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        bound.setblocking(False)
        answerer = UdpEcho(bound)

        def start() -> None:
            self.loop.add_reader(bound, answerer.answer)

        def end() -> None:
            self.loop.remove_reader(bound)
            bound.close()

        self.ask(_call(start))
        return self._keep(Served(self, bound.getsockname()[1], end)), answerer

    def _keep(self, served: Served) -> Served:
        self.served.append(served)
        return served

    def close(self) -> None:
        """End all services and the thread."""
        for served in self.served:
            served.close()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()

    def __enter__(self) -> Services:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
