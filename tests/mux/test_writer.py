"""From the link to the socket: what waits, in which order, and what a failure drops."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest

from port_linker.mux.ending import reset_socket
from port_linker.mux.engine import Engine
from port_linker.mux.writer import SocketWriter
from port_linker.observe.counters import Traffic
from tests.fakes.waiting import receive, until


class Rig:
    """A writer over TCP."""

    def __init__(self) -> None:
        self.engine = Engine(handler=None)  # type: ignore[arg-type]
        self.engine.machine.outbox.open(0)
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.peer = socket.create_connection(server.getsockname())
            self.sock = server.accept()[0]
        for sock in (self.peer, self.sock):
            sock.setblocking(False)
        self.traffic = Traffic()
        self.shut = 0
        self.errors: list[OSError] = []
        self.number = self.engine.machine.open_flow("tcp/127.0.0.1:80")
        self.writer = SocketWriter(
            self.engine, self.number, self.traffic, self.on_shut, self.errors.append
        )

    def on_shut(self) -> None:
        self.shut += 1

    async def read(self) -> bytes:
        return await receive(self.peer)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    made.writer.stop()
    made.peer.close()
    made.sock.close()


async def test_what_came_before_the_start_is_written_then_the_end(rig: Rig) -> None:
    rig.writer.put(memoryview(b"early "))
    rig.writer.put(memoryview(b"bird"))
    rig.writer.finish()
    assert rig.writer.owes_fin
    rig.writer.start(rig.sock)
    assert await rig.read() == b"early bird"
    assert await rig.read() == b""
    assert (rig.shut, rig.traffic.down_bytes, rig.writer.owes_fin) == (1, 10, False)
    rig.writer.finish()
    assert rig.shut == 1


async def test_a_reader_that_is_behind_gets_all_in_order(rig: Rig) -> None:
    rig.writer.start(rig.sock)
    sent = 0
    while not rig.writer.backlog:
        rig.writer.put(memoryview(bytes(65536)))
        sent += 65536
    began = rig.writer.moved_at
    rig.writer.put(memoryview(b"x"))
    rig.writer.finish()
    assert rig.shut == 0
    got = bytearray()
    while data := await rig.read():
        got += data
    assert len(got) == sent + 1
    assert got[-1:] == b"x"
    assert rig.writer.moved_at > began


async def test_a_failure_is_told_and_what_comes_is_dropped(rig: Rig) -> None:
    rig.writer.start(rig.sock)
    reset_socket(rig.peer)

    def put() -> object:
        rig.writer.put(memoryview(b"x"))
        return rig.errors

    await until(put)
    rig.writer.drop_all()
    receive = rig.engine.machine.flows[rig.number].receive
    assert receive is not None
    before = receive.outstanding_bytes
    rig.writer.put(memoryview(bytes(1000)))
    assert receive.outstanding_bytes == before - 1000  # its sender may go on
    rig.writer.finish()
    assert (rig.shut, len(rig.writer.backlog)) == (0, 0)
