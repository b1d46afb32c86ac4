"""Listening sockets of the stdio link: who waits, how long, and who is reset."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from port_linker.link import tcp_port
from port_linker.link.interface import Binding
from port_linker.mux.engine import Engine
from port_linker.mux.tcp import TcpFlow
from tests.fakes.services import (
    dial,
    dial_and_read,
    echo,
    read,
    serve,
)
from tests.fakes.stdio_pair import StdioPair
from tests.fakes.waiting import until


async def test_new_connections_wait_for_the_link(pair: StdioPair) -> None:
    async with serve(echo) as port:
        binding = pair.mirror(port)
        pair.cut()
        reader, writer = await dial(binding)
        writer.write(b"patience")
        await pair.connect()
        assert await read(reader, 8) == b"patience"
        writer.close()


@pytest.mark.parametrize("wait_s", [0.05, 0.0])
async def test_a_wait_has_an_end_which_is_a_reset(pair: StdioPair, wait_s: float) -> None:
    pair.link.outage_wait_s = wait_s
    binding = pair.mirror(9)
    pair.cut()
    with pytest.raises(ConnectionResetError):
        await dial_and_read(binding)
    assert pair.link.traffic()[binding.service].refused == 1


async def test_a_held_service_waits_and_then_goes_on(pair: StdioPair) -> None:
    async with serve(echo) as port:
        binding = pair.mirror(port)
        pair.link.hold(binding.service, 5.0)
        reader, writer = await dial(binding)
        writer.write(b"x")
        await until(lambda: bool(pair.link._tcp[binding.service]))
        assert pair.agent.engine.flows == {}
        pair.link.hold(binding.service, None)
        assert await read(reader, 1) == b"x"
        writer.close()


async def test_a_hold_that_ends_with_the_service_resets(pair: StdioPair) -> None:
    binding = pair.mirror(9)
    pair.link.hold(binding.service, 30.0)
    reader, _writer = await dial(binding)
    port = pair.link._tcp[binding.service][binding.local]
    await until(lambda: bool(port._parked))
    pair.link.release(binding)
    with pytest.raises(ConnectionResetError):
        await read(reader, 1)


async def test_connections_stay_in_the_backlog_while_the_link_is_choked(
    pair: StdioPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(echo) as port:
        binding = pair.mirror(port)
        monkeypatch.setattr(Engine, "is_choked", True)
        reader, writer = await dial(binding)
        writer.write(b"patience")
        its_port = pair.link._tcp[binding.service][binding.local]
        await until(lambda: not its_port._is_listening)
        assert pair.link.traffic()[binding.service].flows_total == 0
        monkeypatch.undo()
        pair.link.ping()  # whatever leaves makes room
        assert await read(reader, 8) == b"patience"
        writer.close()


async def test_more_than_may_wait_are_reset_at_once(
    pair: StdioPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp_port, "MAX_PARKED", 1)
    binding = pair.mirror(9)
    pair.cut()
    await dial(binding)
    port = pair.link._tcp[binding.service][binding.local]
    await until(lambda: bool(port._parked))
    with pytest.raises(ConnectionResetError):
        await dial_and_read(binding)


async def test_flows_of_a_service_are_reset_on_demand(pair: StdioPair) -> None:
    async with serve(echo) as port, serve(echo) as other_port:
        binding, other = pair.mirror(port), pair.mirror(other_port)
        reader, writer = await dial(binding)
        kept_reader, kept_writer = await dial(other)
        for one_reader, one_writer in ((reader, writer), (kept_reader, kept_writer)):
            one_writer.write(b"x")
            assert await read(one_reader, 1) == b"x"
        pair.link.reset_flows(binding.service)
        with pytest.raises(ConnectionResetError):
            await read(reader, 1)
        kept_writer.write(b"y")
        assert await read(kept_reader, 1) == b"y"
        pair.link.reset_flows()
        with pytest.raises(ConnectionResetError):
            await read(kept_reader, 1)


async def test_a_released_binding_takes_nothing_new_and_its_flows_go_on(pair: StdioPair) -> None:
    async with serve(echo) as port:
        binding = pair.mirror(port)
        reader, writer = await dial(binding)
        writer.write(b"a")
        assert await read(reader, 1) == b"a"
        pair.link.release(binding)
        pair.link.release(binding)
        binding.sock.close()
        writer.write(b"b")
        assert await read(reader, 1) == b"b"
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", int(binding.local.rpartition(":")[2]))
        writer.close()


async def test_a_peer_that_may_not_is_reset(pair: StdioPair) -> None:
    seen: list[tuple[str, int]] = []

    def accepts(peer: tuple[str, int]) -> None:
        seen.append(peer)

    binding = pair.mirror(9, accepts=accepts)
    with pytest.raises(ConnectionResetError):
        await dial_and_read(binding)
    assert [host for host, _port in seen] == ["127.0.0.1"]


async def test_without_descriptors_connections_wait_in_the_backlog(
    pair: StdioPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp_port, "NO_DESCRIPTORS_PAUSE_S", 0.02)
    async with serve(echo) as port:
        binding = pair.mirror(port)
        tcp = pair.link._tcp[binding.service][binding.local]

        class Exhausted:
            """A listening socket for which accept fails once."""

            calls = 0

            def __getattr__(self, name: str) -> object:
                return getattr(binding.sock, name)

            def accept(self) -> object:
                self.calls += 1
                if self.calls == 1:
                    raise OSError(24, "Too many open files")
                return binding.sock.accept()

        exhausted = Exhausted()
        monkeypatch.setattr(tcp, "_binding", Binding(binding.service, exhausted, binding.local))  # type: ignore[arg-type]
        reader, writer = await dial(binding)
        writer.write(b"x")
        assert await read(reader, 1) == b"x"
        assert exhausted.calls >= 2
        writer.close()


async def test_connections_with_one_deadline_are_all_refused_in_time(
    pair: StdioPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(echo) as port:
        binding = pair.mirror(port)
        pair.link.hold(binding.service, 0.05)
        first = await dial(binding)
        await until(lambda: pair.link._tcp_ports()[0]._parked)
        pair.link.hold(binding.service, 0.2)
        others = [await dial(binding) for _ in range(2)]
        for reader, writer in (first, *others):
            with pytest.raises(ConnectionResetError):
                await read(reader, 1)
            writer.close()


async def test_a_grace_after_an_outage_is_no_longer_than_it_says(pair: StdioPair) -> None:
    async with serve(echo) as port:
        binding = pair.mirror(port)
        pair.link.hold(binding.service, 8.0)
        long_wait = await dial(binding)
        await until(lambda: pair.link._tcp_ports()[0]._parked)
        pair.link.hold(binding.service, 0.05)
        reader, writer = await dial(binding)
        async with asyncio.timeout(4.0):
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
        writer.close()
        long_wait[1].close()


async def test_connections_are_accepted_ready_for_a_kill_and_for_small_writes(
    pair: StdioPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[tuple[bytes, int]] = set()
    begin = TcpFlow.start

    def start(flow: TcpFlow, sock: socket.socket) -> None:
        lingers = sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        seen.add((lingers, sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
        begin(flow, sock)

    monkeypatch.setattr(TcpFlow, "start", start)
    async with serve(echo) as port:
        reader, writer = await dial(pair.mirror(port))
        writer.write(b"x")
        assert await read(reader, 1) == b"x"
        writer.close()
    assert seen == {(struct.pack("ii", 1, 0), 1)}  # the kernel resets what a killed program held
