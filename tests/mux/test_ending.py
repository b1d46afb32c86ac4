"""A reset behind all that its reader has still to get."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from port_linker.mux import ending as ending_module
from port_linker.mux.backlog import Backlog
from port_linker.mux.ending import Ending, close_socket, reset_socket, unacknowledged_bytes
from tests.fakes.waiting import until


class Rig:
    """A socket that ends, and its reader."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.reader = socket.create_connection(server.getsockname())
            self.sock = server.accept()[0]
        for sock in (self.reader, self.sock):
            sock.setblocking(False)
        self.backlog = Backlog()
        self.written: list[int] = []
        self.is_reset = False

    def fill(self) -> int:
        """Send until the reader's buffers are full, and a little more; return how much."""
        sent = 0
        try:
            while True:
                sent += self.sock.send(bytes(65536))
        except BlockingIOError:
            self.backlog.keep(memoryview(bytes(100_000)))
        return sent + 100_000

    def end(self, has_fin: bool = False, moved_at: float | None = None) -> Ending:
        ending = Ending(self.sock, self.backlog, has_fin, moved_at, self.written.append)
        ending.start()
        return ending

    async def read(self) -> bytes:
        found: list[bytes] = []

        def look() -> bool:
            try:
                found.append(self.reader.recv(1 << 20))
            except BlockingIOError:
                return False
            return True

        await until(look)
        return found[0]

    async def read_all(self) -> int:
        count = 0
        with contextlib.suppress(ConnectionResetError):
            while data := await self.read():
                count += len(data)
            return count
        self.is_reset = True
        return count


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    made.reader.close()
    made.sock.close()


async def test_with_nothing_left_it_is_at_once(rig: Rig) -> None:
    rig.end()
    assert rig.written == [0]
    with pytest.raises(ConnectionResetError):
        await rig.read()


async def test_a_reader_gets_all_then_the_reset(rig: Rig) -> None:
    sent = rig.fill()
    rig.end()
    assert await rig.read_all() == sent
    assert rig.is_reset
    assert rig.written == [100_000]
    assert rig.sock.fileno() == -1


async def test_an_orderly_end_comes_before_the_reset(rig: Rig) -> None:
    sent = rig.fill()
    rig.end(has_fin=True)
    assert await rig.read_all() == sent
    await until(lambda: rig.written)
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        rig.reader.send(b"x")


async def test_who_has_to_be_rid_of_an_upload_first_can(rig: Rig) -> None:
    rig.fill()
    rig.end()
    left = 8 << 20  # more than all buffers hold

    def upload() -> bool:
        nonlocal left
        try:
            left -= rig.reader.send(bytes(min(left, 1 << 20)))
        except BlockingIOError:
            return False
        return left == 0

    await until(upload)
    rig.reader.shutdown(socket.SHUT_WR)
    assert await rig.read_all() > 100_000
    assert rig.is_reset


async def test_a_reader_that_has_stopped_is_given_up(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending_module, "PATIENCE_S", 0.05)
    rig.fill()
    rig.end()
    await until(lambda: rig.written)
    assert rig.sock.fileno() == -1


async def test_one_that_stopped_long_ago_is_given_up_at_once(rig: Rig) -> None:
    rig.fill()
    rig.end(moved_at=-1e9)
    assert rig.written


async def test_a_reader_that_goes_ends_it(rig: Rig) -> None:
    rig.fill()
    rig.end()
    reset_socket(rig.reader)
    await until(lambda: rig.written)


async def test_it_can_be_ended_at_once(rig: Rig) -> None:
    rig.fill()
    ending = rig.end()
    ending.stop()
    ending.stop()
    ending._look()
    assert len(rig.written) == 1


async def test_an_orderly_close_delivers_all(rig: Rig) -> None:
    rig.sock.send(b"x" * 1000)
    ending_module.reset_on_close(rig.sock)
    close_socket(rig.sock)
    assert await rig.read_all() == 1000


def test_sockets_that_are_gone_already_are_just_closed() -> None:
    sock = socket.socket()
    sock.close()
    reset_socket(sock)
    close_socket(sock)
    here, there = socket.socketpair()
    with here, there:
        assert unacknowledged_bytes(here) == 0
    with open("/dev/null") as file:
        assert unacknowledged_bytes(file) == 0  # type: ignore[arg-type]
