"""Measures by flows of our own over QUIC, to a service that the agent opens for it. I/O.

What is measured is what an application would get: a local socket, both sidecars, a socket there.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator

from port_linker import clock
from port_linker.errors import ProtocolError
from port_linker.link.faults import SidecarFailed
from port_linker.link.interface import Binding
from port_linker.link.quic_link import QuicLink
from port_linker.model import Proto, ServiceId
from port_linker.protocol import gauge
from port_linker.session.introduce import QuicAttempt
from port_linker.tasks import start_task, stop_task

OPEN_S = 5.0  # for the agent and the sidecar
PING_S = 2.0  # for one byte there and back
SLACK_S = 2.0  # for what goes before and after gauge.MEASURE_S: a few round trips
CHUNK_BYTES = 64 << 10
NOT_OPEN = "the sidecar did not take a socket"


class FlowGauge:
    """A local port whose flows end at the agent. Open it, close it."""

    def __init__(self, attempt: QuicAttempt) -> None:
        """attempt: one that is connected."""
        self._attempt = attempt
        self._link = QuicLink()
        self._is_open = False
        self._secret = secrets.token_hex(32)
        self._sock = socket.create_server(("127.0.0.1", 0))
        self._sock.setblocking(False)

    async def open(self) -> None:
        """Return when flows may begin. Raises SidecarFailed."""
        port = await self._attempt.counts.ask_gauge(self._secret, OPEN_S)
        self._link.attach(self._attempt.sidecar)
        local = f"127.0.0.1:{self._sock.getsockname()[1]}"
        service = ServiceId(Proto.TCP, "127.0.0.1", port)
        adopted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._link.adopt(Binding(service, self._sock, local), adopted.set_result)
        await asyncio.wait([adopted], timeout=OPEN_S)
        self._is_open = adopted.done() and adopted.result()
        if not self._is_open:
            raise SidecarFailed("timeout", NOT_OPEN)

    async def close(self) -> None:
        """Let go of the port."""
        await self._link.detach()
        self._sock.close()

    async def ping(self, count: int) -> list[float]:
        """Return how long a byte took there and back, so many times.

        Raises OSError, TimeoutError and, if it is not open, SidecarFailed, as the others do.
        """
        samples_s = []
        async with self._flow(gauge.ECHO, gauge.MOST_ECHO_BYTES) as (reader, writer):
            for _ in range(count):
                began_s = clock.monotonic_s()
                async with asyncio.timeout(PING_S):
                    writer.write(b".")
                    if not await reader.read(1):
                        raise ConnectionResetError("the flow ended")
                samples_s.append(clock.monotonic_s() - began_s)
        return samples_s

    async def download(self) -> gauge.Sample:
        """Have the agent send for a second; return what came."""
        async with self._flow(gauge.SEND, gauge.MOST_BYTES) as (reader, _):
            async with asyncio.timeout(SLACK_S):
                first = await reader.read(CHUNK_BYTES)
            meter = gauge.Meter(clock.monotonic_s())
            meter.add(len(first), clock.monotonic_s())
            rest = start_task(_read_rest(reader, meter), "measure download")
            await _give(rest, gauge.MEASURE_S)
            return meter.sample()

    async def upload(self) -> gauge.Sample:
        """Send for a second; return what the agent says that came. Raises ProtocolError too."""
        async with self._flow(gauge.TAKE, gauge.MOST_BYTES) as (reader, writer):
            sending = start_task(_send(writer), "measure upload")
            try:
                async with asyncio.timeout(gauge.MEASURE_S + SLACK_S):
                    line = await reader.readline()
            except ValueError as error:  # a line without end
                raise ProtocolError("the agent's sample is malformed") from error
            finally:
                await stop_task(sending)
            return gauge.parse_sample(line)

    @contextlib.asynccontextmanager
    async def _flow(
        self, what: str, size: int
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        if not self._is_open:
            raise SidecarFailed("not-connected", NOT_OPEN)
        async with asyncio.timeout(OPEN_S):
            reader, writer = await asyncio.open_connection(
                *self._sock.getsockname(), limit=CHUNK_BYTES
            )
        try:
            writer.write(gauge.encode_request(self._secret, what, size))
            yield reader, writer
        finally:
            writer.transport.abort()


async def _give(task: asyncio.Task[None], limit_s: float) -> None:
    """Let a task run for so long, then end it."""
    try:
        await asyncio.wait([task], timeout=limit_s)
    finally:
        await stop_task(task)


async def _read_rest(reader: asyncio.StreamReader, meter: gauge.Meter) -> None:
    with contextlib.suppress(OSError):  # what came until then counts
        while data := await reader.read(CHUNK_BYTES):
            meter.add(len(data), clock.monotonic_s())


async def _send(writer: asyncio.StreamWriter) -> None:
    left = gauge.MOST_BYTES
    with contextlib.suppress(OSError):  # the agent has enough
        while left > 0:
            writer.write(bytes(min(left, CHUNK_BYTES)))
            left -= CHUNK_BYTES
            await writer.drain()
