"""Flows over the stdio link: real sockets on both ends, a pipe that is cut."""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket

import pytest

from port_linker.link import mux_link
from port_linker.model import Proto, ServiceId
from port_linker.mux import frames
from tests.fakes.services import (
    address,
    dial,
    dial_and_read,
    echo,
    read,
    serve,
)
from tests.fakes.stdio_pair import WAIT_S, FakeAgent, StdioPair
from tests.fakes.waiting import until


async def test_a_connection_is_carried_and_counted(pair: StdioPair) -> None:
    async with serve(echo) as port:
        binding = pair.mirror(port)
        reader, writer = await dial(binding)
        writer.write(b"ping")
        assert await read(reader, 4) == b"ping"
        traffic = pair.link.traffic()[binding.service]
        assert (traffic.up_bytes, traffic.down_bytes) == (4, 4)
        assert (traffic.flows_open, traffic.flows_total) == (1, 1)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await until(lambda: traffic.flows_open == 0)
        await until(lambda: pair.agent.opener.traffic.flows_open == 0)
        assert pair.agent.engine.flows == {}


async def test_half_close_lets_the_answer_come_after_the_question_has_ended(
    pair: StdioPair,
) -> None:
    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = await reader.read()
        writer.write(str(len(question)).encode())
        writer.close()

    async with serve(count) as port:
        reader, writer = await dial(pair.mirror(port))
        writer.write(bytes(300_000))
        writer.write_eof()
        async with asyncio.timeout(WAIT_S):
            assert await reader.read() == b"300000"


async def test_a_service_that_sends_first_and_closes_first(pair: StdioPair) -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        writer.close()

    async with serve(greet) as port:
        reader, writer = await dial(pair.mirror(port))
        assert await reader.read() == b"220 ready\r\n"
        writer.close()


async def test_a_megabyte_each_way_at_once_is_the_same_at_the_other_end(pair: StdioPair) -> None:
    data = random.Random(7).randbytes(3 << 20)
    async with serve(echo) as port:
        reader, writer = await dial(pair.mirror(port))
        writer.write(data)
        back = await read(reader, len(data))
        assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest()
        writer.close()


async def test_a_reset_here_is_a_reset_there(pair: StdioPair) -> None:
    ended: asyncio.Queue[BaseException | None] = asyncio.Queue()

    async def watch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(100):
                pass
            ended.put_nowait(None)
        except ConnectionResetError as error:
            ended.put_nowait(error)
        writer.close()

    async with serve(watch) as port:
        _reader, writer = await dial(pair.mirror(port))
        writer.write(b"x")
        await until(lambda: pair.agent.opener.traffic.up_bytes + len(pair.agent.engine.flows) > 0)
        writer.transport.abort()
        sock = writer.get_extra_info("socket")
        assert sock is not None
        async with asyncio.timeout(WAIT_S):
            outcome = await ended.get()
        assert outcome is None or isinstance(outcome, ConnectionResetError)


async def test_a_reset_there_is_a_reset_here(pair: StdioPair) -> None:
    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    async with serve(slam) as port:
        reader, writer = await dial(pair.mirror(port))
        writer.write(b"x")
        with pytest.raises(ConnectionResetError):
            await read(reader, 1)


async def test_a_refused_port_resets_and_is_counted(pair: StdioPair) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        binding = pair.mirror(closed.getsockname()[1])
        with pytest.raises(ConnectionResetError):
            await dial_and_read(binding)
    assert pair.link.traffic()[binding.service].refused == 1
    assert pair.agent.opener.traffic.refused == 1


async def test_what_the_agent_does_not_know_is_refused(pair: StdioPair) -> None:
    binding = pair.mirror(9)
    pair.agent.services.clear()
    with pytest.raises(ConnectionResetError):
        await dial_and_read(binding)


async def test_a_flow_goes_on_after_a_cut_with_no_byte_lost_or_repeated(pair: StdioPair) -> None:
    data = random.Random(3).randbytes(8 << 20)
    async with serve(echo) as port:
        reader, writer = await dial(pair.mirror(port))
        got = bytearray()

        async def send() -> None:
            for start in range(0, len(data), 65536):
                writer.write(data[start : start + 65536])
                await writer.drain()
            writer.write_eof()

        task = asyncio.ensure_future(send())
        for size in (1, 300_000, 1_000_000, 3_000_000):
            while len(got) < size:
                async with asyncio.timeout(WAIT_S):
                    got += await reader.read(1 << 16)
            pair.cut()
            assert await pair.connect()
        async with asyncio.timeout(WAIT_S):
            got += await reader.read()
        await task
        assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()


async def test_a_lost_pipe_is_told_and_a_new_agent_resets_what_was_open(pair: StdioPair) -> None:
    async with serve(echo) as port:
        binding = pair.mirror(port)
        reader, writer = await dial(binding)
        writer.write(b"a")
        assert await read(reader, 1) == b"a"
        pair.hang_up()
        async with asyncio.timeout(WAIT_S):
            assert "closed" in await pair.lost.get()
        other = FakeAgent("agent-2")
        other.services = pair.agent.services
        other.opener._find = other.services.get
        assert not await pair.connect(other)
        with pytest.raises(ConnectionResetError):
            await read(reader, 1)
        reader, writer = await dial(binding)
        writer.write(b"b")
        assert await read(reader, 1) == b"b"
        writer.close()


async def test_one_reader_that_stops_slows_no_other(pair: StdioPair) -> None:
    async def pour(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        block = bytes(65536)
        try:
            while True:
                writer.write(block)
                await writer.drain()
        except ConnectionError:
            writer.close()

    async with serve(pour) as pour_port, serve(echo) as echo_port:
        stalled = socket.create_connection(address(pair.mirror(pour_port)))
        reader, writer = await dial(pair.mirror(echo_port))
        for _ in range(50):
            writer.write(bytes(20_000))
            await read(reader, 20_000)
        held = pair.link._engine.machine.budget.used_bytes
        assert held <= pair.link._engine.machine.budget.limit_bytes
        writer.close()
        stalled.close()


async def test_pings_measure_the_round_trip(pair: StdioPair) -> None:
    pair.link.ping()
    async with asyncio.timeout(WAIT_S):
        assert 0 < await pair.round_trips.get() < 5
    assert pair.link.received_bytes > 0
    assert pair.link.is_attached


async def test_an_answer_to_a_ping_that_nobody_sent_measures_nothing(pair: StdioPair) -> None:
    pair.link.ping()
    clock = pair.link._pinged[-1]
    await asyncio.wait_for(pair.round_trips.get(), 5)
    for answer in (clock, 0, clock + 10**9, (1 << 64) - 1):
        pair.link.on_pong(answer)
    pair.link.ping()
    assert 0 < await asyncio.wait_for(pair.round_trips.get(), 5) < 5
    assert pair.round_trips.empty()
    for _ in range(100):
        pair.link.ping()
    assert len(pair.link._pinged) == mux_link.KEPT_PINGS


async def test_control_goes_both_ways(pair: StdioPair) -> None:
    pair.link.send_control({"t": "bye"})
    await until(lambda: pair.agent.controls == [{"t": "bye"}])
    pair.agent.engine.machine.send_control({"t": "facts"})
    pair.agent.engine.flush()
    await until(lambda: pair.controls == [{"t": "facts"}])


async def test_acknowledgements_free_what_is_kept(pair: StdioPair) -> None:
    pair.link.send_control({"t": "x", "pad": "y" * 10_000})
    await until(lambda: pair.link.kept_bytes > 0)
    await until(lambda: pair.link.kept_bytes == 0)


async def test_an_agent_that_opens_a_flow_breaks_the_link_and_nothing_is_resumed(
    pair: StdioPair,
) -> None:
    pair.agent.engine.machine.open_flow("tcp/127.0.0.1:22")
    pair.agent.engine.flush()
    async with asyncio.timeout(WAIT_S):
        assert "opens flows" in await pair.lost.get()
    assert not await pair.connect()


async def test_an_agent_that_says_hello_twice_breaks_the_link(pair: StdioPair) -> None:
    pair.agent.engine.machine.send_hello(pair.agent.machine.hello(0).to_json())
    pair.agent.engine.flush()
    async with asyncio.timeout(WAIT_S):
        assert "twice" in await pair.lost.get()


async def test_nonsense_after_the_hello_costs_the_flows_and_not_their_bytes(
    pair: StdioPair,
) -> None:
    """What came with the nonsense was counted as received; going on would lose it unseen."""
    async with serve(echo) as port:
        reader, writer = await dial(pair.mirror(port))
        writer.write(b"x")
        assert await read(reader, 1) == b"x"
        pair.agent.engine.machine.outbox.put_fleeting(frames.ACK, b"short")
        pair.agent.engine.flush()
        async with asyncio.timeout(WAIT_S):
            assert "wrong size" in await pair.lost.get()
        with pytest.raises(ConnectionResetError):
            await read(reader, 1)
        assert not await pair.connect()
        writer.close()


async def test_counters_of_services_that_are_gone_are_bounded(
    pair: StdioPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mux_link, "KEPT_COUNTERS", 2)
    async with serve(echo) as port:
        busy = pair.mirror(port)
        reader, writer = await dial(busy)
        writer.write(b"x")
        await read(reader, 1)
        pair.link.release(busy)
        gone = [pair.mirror(20_000 + number) for number in range(3)]
        for binding in gone:
            pair.link.release(binding)
        last = pair.mirror(30_000)
        assert set(pair.link.traffic()) == {busy.service, last.service}
        writer.close()


async def test_an_agent_of_another_version_ends_the_link(
    pair: StdioPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    hello = pair.agent.machine.hello
    monkeypatch.setattr(
        pair.agent.machine, "hello", lambda received: hello(received).__class__("a", "", 0, 99)
    )
    pair.plug()
    async with asyncio.timeout(WAIT_S):
        assert "version 99" in await pair.lost.get()
    assert not pair.link.is_attached


async def test_a_dual_stack_service_is_tried_on_both_families(pair: StdioPair) -> None:
    server = await asyncio.start_server(echo, "::1", 0)
    port = server.sockets[0].getsockname()[1]
    binding = pair.mirror(port, host="::")
    reader, writer = await dial(binding)
    writer.write(b"six")
    assert await read(reader, 3) == b"six"
    writer.close()
    server.close()
    assert binding.service == ServiceId(Proto.TCP, "::", port)
