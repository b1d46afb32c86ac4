"""From the socket to the link: when it reads, when it rests, how it ends."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest

from port_linker.mux.ending import reset_socket
from port_linker.mux.engine import Engine
from port_linker.mux.reader import SocketReader
from port_linker.observe.counters import Traffic
from tests.fakes.waiting import until


class Rig:
    """A reader over a socketpair; the frames of its engine are only data."""

    def __init__(self) -> None:
        self.engine = Engine(handler=None)  # type: ignore[arg-type]
        self.engine.machine.outbox.open(0)
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.peer = socket.create_connection(server.getsockname())
            self.sock = server.accept()[0]
        self.sock.setblocking(False)
        self.traffic = Traffic()
        self.ends: list[OSError | None] = []
        self.number = self.engine.machine.open_flow("tcp/127.0.0.1:80")
        self.take()
        self.reader = SocketReader(
            self.engine, self.number, self.traffic, lambda: self.ends.append(None), self.ends.append
        )

    def take(self) -> bytes:
        """Return the payloads that would leave now."""
        buffers = self.engine.machine.outbox.take(1 << 20)
        return b"".join(buffers[1::2])


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    made.reader.stop()
    made.peer.close()
    made.sock.close()


async def test_what_is_there_leaves_at_once(rig: Rig) -> None:
    rig.peer.send(b"GET /")
    await until(lambda: rig.sock.recv(5, socket.MSG_PEEK))
    rig.reader.start(rig.sock)
    assert rig.take() == b"GET /"
    assert rig.traffic.up_bytes == rig.reader.sent_bytes == 5


async def test_without_credit_it_rests_until_some_comes(rig: Rig) -> None:
    state = rig.engine.machine.flows[rig.number]
    state.credit = 3
    rig.reader.start(rig.sock)
    rig.peer.send(b"abcdef")
    await until(lambda: rig.take() == b"abc")
    await until(lambda: not rig.reader._is_reading)
    state.credit = 100
    rig.reader.read_on()
    await until(lambda: rig.take() == b"def")


async def test_in_an_outage_it_rests_until_its_turn_comes(rig: Rig) -> None:
    rig.reader.start(rig.sock)
    rig.engine.machine.outbox.shut()
    rig.peer.send(b"kept")
    await until(lambda: rig.reader._is_waiting)
    rig.reader.read_on()  # credit is of no use while it waits
    assert not rig.reader._is_reading
    rig.engine.machine.outbox.open(0)
    rig.take()
    rig.engine.serve_waiting()
    assert rig.take() == b"kept"


async def test_an_end_is_told_once_behind_what_came_before(rig: Rig) -> None:
    rig.peer.send(b"last words")
    rig.peer.close()
    rig.reader.start(rig.sock)
    await until(lambda: rig.ends == [None])
    assert rig.take() == b"last words"
    rig.reader.read_on()
    rig.reader.resume()
    assert rig.ends == [None]


async def test_a_reset_is_told_behind_what_came_before(rig: Rig) -> None:
    rig.engine.machine.flows[rig.number].credit = 4
    rig.peer.send(b"last words")
    reset_socket(rig.peer)
    rig.reader.start(rig.sock)
    await until(lambda: not rig.reader._is_reading)
    assert rig.ends == []
    rig.engine.machine.flows[rig.number].credit = 100
    rig.reader.read_on()
    await until(lambda: rig.ends)
    assert isinstance(rig.ends[0], ConnectionResetError)
    assert rig.take() == b"last words"
