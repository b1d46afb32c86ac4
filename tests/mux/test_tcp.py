"""One TCP flow: a socketpair on one side, a machine's frames on the other."""

from __future__ import annotations

import errno
import itertools
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest

from port_linker.mux import frames
from port_linker.mux import tcp as tcp_module
from port_linker.mux.ending import reset_on_close, reset_socket
from port_linker.mux.engine import Engine
from port_linker.mux.tcp import TcpFlow
from port_linker.observe.counters import Traffic
from tests.fakes.waiting import receive, until

CLOSE_WAIT = 8  # linux/tcp_states.h: the end has arrived; a kernel short of memory drops it first


class Rig:
    """A flow over real TCP, and an engine whose frames the test reads."""

    def __init__(self) -> None:
        self.engine = Engine(handler=None)  # type: ignore[arg-type]
        self.engine.machine.outbox.open(0)
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.local = socket.create_connection(server.getsockname())
            self.sock = server.accept()[0]
        reset_on_close(self.sock)  # as whoever starts a flow does
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
        while not self.flow._writer.backlog:
            self.flow.on_data(memoryview(bytes(65536)))
            sent += 65536
        return sent

    async def read(self) -> bytes:
        return await receive(self.local)


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
    assert len(rig.flow._writer.backlog) == 1  # small pieces are kept together
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
    assert len(rig.flow._writer.backlog) <= 4  # a million pieces of one byte would cost 100 MB
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
    assert rig.engine.flows == {}


async def test_a_failed_write_leaves_what_the_peer_has_sent(rig: Rig) -> None:
    rig.flow.start(rig.sock)
    rig.engine.machine.flows[rig.number].credit = 0
    rig.local.send(b"an answer to half the request")
    await until(lambda: not rig.flow._reader._is_reading)
    reset_socket(rig.local)

    def send_more() -> object:
        rig.deliver(frames.DATA, b"x")
        return rig.flow._local_reset

    await until(send_more)
    assert rig.frames() == []
    rig.deliver(frames.CREDIT, (7).to_bytes(4, "big"))
    rig.deliver(frames.DATA, bytes(80_000))  # is dropped, and who sent it may go on
    await until(lambda: rig.engine.machine.flows[rig.number].credit == 0)
    rig.deliver(frames.CREDIT, (100).to_bytes(4, "big"))
    await until(lambda: rig.ends)
    sent = rig.frames()
    assert (
        b"".join(p for kind, p in sent if kind == frames.DATA) == b"an answer to half the request"
    )
    assert [kind for kind, _ in sent if kind in (frames.FIN, frames.RESET)] == [frames.RESET]
    assert sent[-1] == (frames.RESET, b"Connection reset by peer")
    assert frames.CREDIT in [kind for kind, _ in sent]


async def test_a_reset_behind_an_orderly_end_stays_behind_it(rig: Rig) -> None:
    rig.flow.start(rig.sock)
    rig.engine.machine.flows[rig.number].credit = 0
    await until(lambda: rig.flow._reader._is_reading)
    rig.local.send(b"all of it")
    rig.local.close()  # what comes now is answered with a reset
    await until(lambda: rig.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO) == CLOSE_WAIT)

    def send_more() -> object:
        rig.deliver(frames.DATA, b"x")
        return rig.flow._local_reset

    await until(send_more)
    rig.deliver(frames.CREDIT, (100).to_bytes(4, "big"))
    await until(lambda: rig.ends)
    assert rig.frames() == [
        (frames.DATA, b"all of it"),
        (frames.FIN, b""),
        (frames.RESET, b"Broken pipe"),
    ]


@pytest.mark.parametrize("is_half_closed", [False, True])
async def test_a_reset_is_noticed_while_nothing_is_read(rig: Rig, is_half_closed: bool) -> None:
    rig.flow.start(rig.sock)
    if is_half_closed:
        rig.local.shutdown(socket.SHUT_WR)
        await until(lambda: rig.frames() == [(frames.FIN, b"")])
    else:
        rig.fill_socket()
        rig.flow._reader._read_off()
    reset_socket(rig.local)
    await until(lambda: rig.ends)
    assert [kind for kind, _ in rig.frames()] == [frames.RESET]
    assert rig.engine.flows == {}
    assert not rig.flow._writer.backlog


async def test_what_waits_for_a_slow_reader_comes_before_the_reset(rig: Rig) -> None:
    rig.flow.start(rig.sock)
    sent = rig.fill_socket()
    rig.deliver(frames.FIN)
    rig.deliver(frames.RESET, b"gone")
    assert rig.ends == []
    rig.local.send(bytes(10_000))  # read and dropped: it may be an upload that comes first
    got = bytearray()
    while data := await rig.read():
        got += data
    await until(lambda: rig.ends == ["gone"])
    assert len(got) == sent == rig.traffic.down_bytes
    assert rig.frames() == []
    assert not rig.engine.flows
    assert not rig.engine.machine.flows
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        rig.local.send(b"x")


async def test_a_reset_that_overtakes_the_dial_comes_behind_the_request(rig: Rig) -> None:
    rig.deliver(frames.DATA, b"one shot")
    rig.deliver(frames.RESET, b"gone")
    assert rig.ends == []
    rig.flow.start(rig.sock)
    assert await rig.read() == b"one shot"
    with pytest.raises(ConnectionResetError):
        await rig.read()
    assert rig.ends == ["gone"]


async def test_resets_that_cross_end_the_flow(rig: Rig) -> None:
    rig.flow.start(rig.sock)
    rig.engine.machine.flows[rig.number].credit = 0
    rig.local.send(b"never sent")
    reset_socket(rig.local)
    await until(lambda: rig.flow._local_reset)
    rig.deliver(frames.RESET, b"gone")
    assert rig.ends == ["gone"]
    assert rig.frames() == []


async def test_a_reset_waits_for_a_reader_that_has_stopped_only_so_long(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp_module, "PATIENCE_S", 0.02)
    heard = itertools.count()
    monkeypatch.setattr(Engine, "received_bytes", property(lambda _: next(heard)))
    monkeypatch.setattr(Engine, "is_attached", True)
    rig.flow.start(rig.sock)
    rig.engine.machine.flows[rig.number].credit = 0
    rig.local.send(b"of no use to anybody")
    reset_socket(rig.local)
    await until(lambda: rig.ends)
    assert [kind for kind, _ in rig.frames()] == [frames.RESET]


async def test_a_flow_that_is_ending_can_be_killed(rig: Rig) -> None:
    rig.flow.start(rig.sock)
    rig.fill_socket()
    rig.deliver(frames.RESET, b"gone")
    rig.flow.abort("the session ends")
    assert rig.ends == ["gone"]
    assert not rig.engine.flows
    assert not rig.engine.machine.flows


def lingers(sock: socket.socket) -> bytes:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)


async def test_an_orderly_end_is_no_reset(rig: Rig) -> None:
    rig.flow.start(rig.sock)
    rig.deliver(frames.FIN)
    assert await rig.read() == b""
    assert lingers(rig.sock) == struct.pack("ii", 1, 0)
    kept = rig.sock.dup()
    rig.local.close()
    await until(lambda: rig.ends == [""])
    assert lingers(kept) == struct.pack("ii", 0, 0)  # an orderly end is none
    kept.close()


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
    rig.local.close()
    await until(lambda: rig.ends == [error.strerror])
    assert [kind for kind, _ in rig.frames()] == [frames.RESET]


async def test_the_socket_of_a_flow_that_has_ended_is_left_alone(rig: Rig) -> None:
    rig.flow.start(rig.sock)
    rig.flow.kill("over")
    rig.flow._on_error()
    rig.flow._end_if_done()
    rig.flow._begin_ending("late")
    rig.flow._on_reset_here(OSError())
    assert rig.ends == ["over"]
