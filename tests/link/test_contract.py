"""What holds for every link: stdio, QUIC with fake sidecars, QUIC with the real pair."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
from collections.abc import AsyncIterator

import pytest

from port_linker.link.find import TunnelMissing, find_executable
from port_linker.link.interface import Binding, Link, Traffic
from tests.fakes.quic_pair import QuicPair
from tests.fakes.stdio_pair import StdioPair
from tests.fakes.tunnel import WAIT_S, write_fake


class Rig:
    """One link with what tests need around it."""

    def __init__(self, pair: StdioPair | QuicPair) -> None:
        self.pair = pair

    @property
    def link(self) -> Link:
        return self.pair.link

    async def mirror(self, port: int) -> Binding:
        if isinstance(self.pair, QuicPair):
            return await self.pair.mirror(port)
        return self.pair.mirror(port)

    async def traffic(self, binding: Binding) -> Traffic:
        if isinstance(self.pair, QuicPair):
            await self.pair.refresh()
        return self.link.traffic().get(binding.service, Traffic())

    async def until(self, binding: Binding, name: str, value: int) -> None:
        async with asyncio.timeout(WAIT_S):
            while getattr(await self.traffic(binding), name) != value:  # noqa: ASYNC110
                await asyncio.sleep(0)


@pytest.fixture(params=["stdio", "fake", "real"])
async def rig(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> AsyncIterator[Rig]:
    """Each kind of link."""
    pair: StdioPair | QuicPair
    if request.param == "stdio":
        pair = StdioPair()
    elif request.param == "fake":
        pair = QuicPair(write_fake(str(tmp_path)))
    else:
        try:
            pair = QuicPair(find_executable())
        except TunnelMissing as error:
            pytest.skip(error.message)
    async with pair:
        yield Rig(pair)


class Service:
    """A service on the target; it notes how each connection ended."""

    def __init__(self) -> None:
        self.ends: asyncio.Queue[str] = asyncio.Queue()

    async def __aenter__(self) -> Service:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
            writer.write(b"end")
            writer.close()
            self.ends.put_nowait("end")
        except ConnectionError:
            self.ends.put_nowait("reset")

    async def end(self) -> str:
        async with asyncio.timeout(WAIT_S):
            return await self.ends.get()


async def dial(binding: Binding) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = binding.sock.getsockname()
    async with asyncio.timeout(WAIT_S):
        return await asyncio.open_connection(host, port)


async def read(reader: asyncio.StreamReader, limit_s: float = WAIT_S) -> bytes:
    async with asyncio.timeout(limit_s):
        return await reader.read(1)


async def dial_and_read(binding: Binding) -> None:
    reader, writer = await dial(binding)
    await read(reader)
    writer.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    async with asyncio.timeout(WAIT_S):
        assert await reader.readexactly(len(data)) == data


async def test_bytes_go_there_and_back_and_are_counted(rig: Rig) -> None:
    async with Service() as service:
        binding = await rig.mirror(service.port)
        reader, writer = await dial(binding)
        await echo(reader, writer, b"x" * 300_000)
        traffic = await rig.traffic(binding)
        assert (traffic.flows_open, traffic.flows_total) == (1, 1)
        writer.close()
        await rig.until(binding, "flows_open", 0)


async def test_one_direction_may_end_first(rig: Rig) -> None:
    async with Service() as service:
        reader, writer = await dial(await rig.mirror(service.port))
        writer.write(b"last words")
        writer.write_eof()
        async with asyncio.timeout(WAIT_S):
            assert await reader.read() == b"last wordsend"
        assert await service.end() == "end"
        writer.close()


async def test_flows_are_reset_when_asked(rig: Rig) -> None:
    async with Service() as service:
        binding = await rig.mirror(service.port)
        reader, writer = await dial(binding)
        await echo(reader, writer, b"x")
        rig.link.reset_flows(binding.service)
        with pytest.raises(ConnectionResetError):
            await read(reader)
        assert await service.end() == "reset"
        writer.close()


async def test_a_refused_port_is_a_reset(rig: Rig) -> None:
    async with Service() as service:
        port = service.port
    binding = await rig.mirror(port)
    with pytest.raises(ConnectionResetError):
        await dial_and_read(binding)  # the reset may come before connect has returned


async def test_a_released_binding_takes_no_more_and_its_flows_go_on(rig: Rig) -> None:
    async with Service() as service:
        binding = await rig.mirror(service.port)
        reader, writer = await dial(binding)
        await echo(reader, writer, b"before")
        rig.link.release(binding)
        await rig.mirror(service.port)  # what was asked before is done by then
        waiting, its_writer = await dial(binding)  # the kernel's queue takes it, nobody else
        await echo(reader, writer, b"after")
        its_writer.write(b"?")
        with pytest.raises(TimeoutError):
            await read(waiting, 0.1)
        its_writer.close()
        writer.close()


async def test_the_end_of_the_link_ends_its_flows(rig: Rig) -> None:
    async with Service() as service:
        reader, writer = await dial(await rig.mirror(service.port))
        await echo(reader, writer, b"x")
        await rig.link.close()
        if isinstance(rig.pair, QuicPair):
            await rig.pair.here.shut()
        # A reset, unless the process that held the socket has gone: then the kernel says "end".
        with contextlib.suppress(ConnectionError):
            assert await read(reader) == b""
            assert isinstance(rig.pair, QuicPair)
        writer.close()
