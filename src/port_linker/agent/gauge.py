"""The target's half of measuring a QUIC link (protocol/gauge.py). I/O; runs on Python 3.9.

A service of our own on loopback, for a few seconds and for who knows the secret. It carries no
data of anybody's, and at most protocol.gauge.MOST_BYTES at a time.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from typing import Any, Callable, Optional

from port_linker import clock
from port_linker.agent.table import ServiceTable
from port_linker.errors import PortLinkerError
from port_linker.link import control, reports
from port_linker.link.sidecar import Sidecar
from port_linker.model import format_endpoint
from port_linker.protocol import gauge
from port_linker.tasks import start_task, stop_task

logger = logging.getLogger(__name__)

OPEN_S = 30.0  # the service goes away by itself
FLOW_S = 10.0  # and each flow ends
CHUNK_BYTES = 64 << 10
MAX_FLOWS = 16  # at a time


class Gauges:
    """Answers the host's questions about one attempt."""

    def __init__(self, table: ServiceTable, send_control: Callable[[dict[str, Any]], None]) -> None:
        self._table, self._send_control = table, send_control
        self._server: Optional[asyncio.AbstractServer] = None
        self._secret = ""
        self._flows: set[asyncio.Task[Any]] = set()

    async def answer(self, asked: gauge.Question, sidecar: Sidecar) -> None:
        """Answer one question; nothing is said where the sidecar has gone meanwhile."""
        try:
            if isinstance(asked, gauge.QuicGauge):
                answer: gauge.Answer = await self._open(asked, sidecar)
            else:
                answer = await _count(asked, sidecar)
        except (PortLinkerError, OSError) as error:
            logger.info("no figures from here", extra={"reason": str(error)})
            return
        self._send_control(answer.to_json())

    def close(self) -> None:
        """Measure no more."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        self._table.lend({})
        for flow in self._flows:
            flow.cancel()

    async def _open(self, asked: gauge.QuicGauge, sidecar: Sidecar) -> gauge.QuicGauged:
        self.close()
        self._secret = asked.secret
        server = self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, limit=CHUNK_BYTES
        )
        asyncio.get_running_loop().call_later(OPEN_S, self._expire, server)
        endpoint = format_endpoint(*server.sockets[0].getsockname()[:2])
        self._table.lend({f"tcp/{endpoint}": (endpoint,)})
        await self._table.begin(sidecar)
        # Its answer says that it has taken the table: a flow may come by the other way at once.
        await sidecar.ask(control.AskStats(), reports.Stats)
        return gauge.QuicGauged(asked.attempt, int(endpoint.rpartition(":")[2]))

    def _expire(self, server: asyncio.AbstractServer) -> None:
        if server is self._server:
            self.close()

    # A flow

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._flows) >= MAX_FLOWS:
            writer.transport.abort()
            return
        flow = start_task(self._carry(reader, writer), "gauge flow")
        self._flows.add(flow)
        timer = asyncio.get_running_loop().call_later(FLOW_S, flow.cancel)
        try:
            await asyncio.wait([flow])
        finally:
            timer.cancel()
            flow.cancel()
            self._flows.discard(flow)
            writer.transport.abort()  # what is written has left, or nobody waits for it

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = gauge.parse_request(await reader.readline())
            if request is None or not hmac.compare_digest(request[0], self._secret):
                return
            _, what, size = request
            if what == gauge.SEND:
                await _send(writer, size)
            elif what == gauge.TAKE:
                writer.write((await _take(reader, size)).to_line())
            else:
                await _echo(reader, writer)
            await _finish(reader, writer)
        except (OSError, ValueError):
            pass  # the other end has gone, or sent a line without end


async def _count(asked: gauge.QuicCount, sidecar: Sidecar) -> gauge.QuicCounted:
    stats = await sidecar.ask(control.AskStats(), reports.Stats)
    found = stats.connection or reports.ConnectionStats()
    return gauge.QuicCounted(asked.attempt, found.sent_packets, found.lost_packets)


async def _send(writer: asyncio.StreamWriter, size: int) -> None:
    end_s = clock.monotonic_s() + gauge.MEASURE_S
    while size > 0 and clock.monotonic_s() < end_s:
        writer.write(bytes(min(size, CHUNK_BYTES)))
        size -= CHUNK_BYTES
        await writer.drain()


async def _take(reader: asyncio.StreamReader, size: int) -> gauge.Sample:
    meter = gauge.Meter(clock.monotonic_s())
    meter.add(len(await reader.read(CHUNK_BYTES)), clock.monotonic_s())
    rest = start_task(_read_rest(reader, meter, size), "gauge take")
    try:
        await asyncio.wait([rest], timeout=gauge.MEASURE_S)
    finally:
        await stop_task(rest)
    return meter.sample()


async def _read_rest(reader: asyncio.StreamReader, meter: gauge.Meter, size: int) -> None:
    while meter.size < size:
        data = await reader.read(CHUNK_BYTES)
        if not data:
            return
        meter.add(len(data), clock.monotonic_s())


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    left = gauge.MOST_ECHO_BYTES
    while left > 0:
        data = await reader.read(left)
        if not data:
            return
        left -= len(data)
        writer.write(data)
        await writer.drain()


async def _finish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let what was written arrive: end our half, and wait for the other's end."""
    writer.write_eof()
    while not reader.at_eof():
        await reader.read(CHUNK_BYTES)
