"""One TCP flow: a socketpair on one side, a machine's frames on the other."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from port_linker.mux import frames
from port_linker.mux import tcp as tcp_module
from port_linker.mux.engine import Engine
from port_linker.mux.tcp import TcpFlow, reset_socket
from port_linker.observe.counters import Traffic
from tests.fakes.waiting import until


class Rig:
    """A flow over real TCP, and an engine whose frames the test reads."""

    def __init__(self) -> None:
        self.engine = Engine(handler=None)  # type: ignore[arg-type]
        self.engine.machine.outbox.open(0)
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.local = socket.create_connection(server.getsockname())
            self.sock = server.accept()[0]
        for sock in (self.local, self.sock):
            sock.setblocking(False)
        self.traffic = Traffic()
        self.ends: list[str] = []
        self.number = self.engine.machine.open_flow("tcp/127.0.0.1:80")
        self.flow = TcpFlow(self.engine, self.number, self.traffic, self.ends.append)
        self.engine.add(self.number, self.flow)
        self.frames()

    def frames(self) -> list[tuple[int, bytes]]:
        """Take what the engine would send, as (type, payload)."""
        data, found = b"".join(self.engine.machine.outbox.take(1 << 30)), []
        while data:
            end = 8 + int.from_bytes(data[5:8], "big")
            found.append((data[0], data[8:end]))
            data = data[end:]
        return found

    def deliver(self, kind: int, payload: bytes = b"") -> None:
        """Let a frame of the other end arrive."""
        events = self.engine.machine.receive([(kind, self.number, memoryview(payload))])
        self.engine._on_events(events)

    def fill_socket(self) -> int:
        """Deliver until the local reader's buffers are full; return how many bytes went in."""
        sent = 0
        self.engine.machine.flows[self.number].receive = None  # no credit in the way
        while not self.flow._backlog:
            self.flow.on_data(memoryview(bytes(65536)))
            sent += 65536
        return sent

    async def read(self) -> bytes:
        found: list[bytes] = []

        def look() -> bool:
            try:
                found.append(self.local.recv(1 << 20))
            except BlockingIOError:
                return False
            return True

        await until(look)
        return found[0]


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    made.engine.restart("the test ends")
    made.local.close()
    made.sock.close()


async def test_a_first_request_leaves_at_once(rig: Rig) -> None:
    rig.local.send(b"GET /")
    await until(lambda: rig.sock.recv(5, socket.MSG_PEEK))
    rig.flow.start(rig.sock)
    assert rig.frames() == [(frames.DATA, b"GET /")]
    assert rig.traffic.up_bytes == 5


async def test_what_came_before_the_dial_was_done_is_handed_on(rig: Rig) -> None:
    rig.deliver(frames.DATA, b"early ")
    rig.deliver(frames.DATA, b"bird")
    rig.deliver(frames.FIN)
    assert len(rig.flow._backlog) == 1  # small pieces are kept together
    rig.flow.start(rig.sock)
    assert await rig.read() == b"early bird"
    assert await rig.read() == b""
    rig.local.send(b"the answer")
    await until(lambda: rig.frames() == [(frames.DATA, b"the answer")])
    rig.local.close()
    await until(lambda: rig.ends == [""])
    assert rig.frames() == [(frames.FIN, b"")]
    assert rig.engine.flows == {}
    assert rig.sock.fileno() == -1


async def test_a_slow_reader_gets_every_byte_in_order_and_then_the_end(rig: Rig) -> None:
    rig.flow.start(rig.sock)
    sent = rig.fill_socket()
    for _ in range(1000):
        rig.flow.on_data(memoryview(b"x"))
    rig.flow.on_data(memoryview(bytes(200_000)))
    rig.flow.on_fin()
    assert len(rig.flow._backlog) <= 4  # a million pieces of one byte would cost 100 MB
    got = bytearray()
    while data := await rig.read():
        got += data
    assert len(got) == sent + 1000 + 200_000
    assert got[sent : sent + 1000] == b"x" * 1000
    assert got.count(b"x") == 1000
    assert rig.traffic.down_bytes == len(got)


async def test_a_local_reset_is_passed_on(rig: Rig) -> None:
    rig.flow.start(rig.sock)
    reset_socket(rig.local)
    await until(lambda: rig.ends)
    ((kind, reason),) = rig.frames()
    assert kind == frames.RESET
    assert reason == b"Connection reset by peer"
    assert rig.engine.flows == {}


async def test_a_reset_of_the_other_end_is_one_here(rig: Rig) -> None:
    rig.flow.start(rig.sock)
    rig.deliver(frames.RESET, b"refused")
    with pytest.raises(ConnectionResetError):
        await rig.read()
    assert rig.ends == ["refused"]
    assert rig.frames() == []


async def test_data_for_a_reader_that_is_gone_resets_the_other_end(rig: Rig) -> None:
    rig.flow.start(rig.sock)
    rig.flow._read_off()
    reset_socket(rig.local)

    def send_more() -> list[str]:
        rig.deliver(frames.DATA, b"x")
        return rig.ends

    await until(send_more)
    assert frames.RESET in [kind for kind, _ in rig.frames()]


async def test_a_reader_that_goes_while_it_is_behind_resets_the_other_end(rig: Rig) -> None:
    rig.flow.start(rig.sock)
    rig.fill_socket()
    rig.flow._read_off()
    reset_socket(rig.local)
    await until(lambda: rig.ends)
    assert [kind for kind, _ in rig.frames()] == [frames.RESET]


class FailingSocket:
    """A socket of which one call fails."""

    def __init__(self, sock: socket.socket, **errors: OSError) -> None:
        self._sock, self._errors = sock, errors

    def __getattr__(self, name: str) -> Any:
        if name in self._errors:
            raise self._errors[name]
        return getattr(self._sock, name)


async def test_a_half_close_that_fails_resets_both_ends(rig: Rig) -> None:
    error = OSError(errno.ENOTCONN, "Transport endpoint is not connected")
    rig.flow.start(FailingSocket(rig.sock, shutdown=error))  # type: ignore[arg-type]
    rig.deliver(frames.FIN)
    assert rig.ends == [error.strerror]
    assert [kind for kind, _ in rig.frames()] == [frames.RESET]


async def test_without_credit_reading_rests_until_some_comes(rig: Rig) -> None:
    rig.engine.machine.flows[rig.number].credit = 3
    rig.flow.start(rig.sock)
    rig.local.send(b"abcdef")
    await until(lambda: rig.frames() == [(frames.DATA, b"abc")])
    await until(lambda: not rig.flow._is_reading)
    rig.deliver(frames.CREDIT, (100).to_bytes(4, "big"))
    await until(lambda: rig.frames() == [(frames.DATA, b"def")])


async def test_in_an_outage_reading_rests_until_there_is_room(rig: Rig) -> None:
    rig.flow.start(rig.sock)
    rig.engine.machine.outbox.shut()
    rig.local.send(b"kept")
    await until(lambda: rig.flow._is_waiting)
    rig.flow.on_credit()  # of no use while it waits for its turn
    assert not rig.flow._is_reading
    rig.engine.machine.outbox.open(0)
    rig.frames()
    rig.engine.serve_waiting()
    assert rig.frames() == [(frames.DATA, b"kept")]


async def test_the_socket_of_a_flow_that_has_ended_is_left_alone(rig: Rig) -> None:
    rig.flow.start(rig.sock)
    rig.flow.kill("over")
    rig.flow._on_readable()
    rig.flow._on_writable()
    rig.flow._shut_down()
    rig.flow.resume()
    assert rig.ends == ["over"]


def test_a_socket_that_is_disconnected_already_is_just_closed() -> None:
    sock = socket.socket()
    sock.close()
    reset_socket(sock)
    assert tcp_module.CHUNK_BYTES >= 16 * 1024
