"""What a socket has not taken yet: order, sizes, small pieces."""

from __future__ import annotations

import contextlib
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.mux.backlog import CHUNK_BYTES, Backlog


class Sink:
    """A socket that takes so many bytes at each call, and none at a 0."""

    def __init__(self, takes: list[int]) -> None:
        self.takes, self.got = takes, b""

    def send(self, data: memoryview) -> int:
        most = self.takes.pop(0) if self.takes else len(data)
        if most == 0:
            raise BlockingIOError
        self.got += bytes(data[:most])
        return min(most, len(data))


@given(st.lists(st.binary(min_size=1, max_size=50)), st.lists(st.integers(0, 9)))
def test_every_byte_leaves_once_and_in_order(pieces: list[bytes], takes: list[int]) -> None:
    backlog, sink, kept = Backlog(), Sink(takes), 0
    for piece in pieces:
        backlog.keep(memoryview(piece))
        kept += len(piece)
        with contextlib.suppress(BlockingIOError):
            backlog.write(sink)  # type: ignore[arg-type]
        assert backlog.size_bytes == kept - len(sink.got)
    sink.takes = []
    backlog.write(sink)  # type: ignore[arg-type]
    assert sink.got == b"".join(pieces)
    assert not backlog
    assert backlog.size_bytes == 0


def test_small_pieces_are_kept_together_and_dropped_together() -> None:
    backlog = Backlog()
    for _ in range(CHUNK_BYTES):
        backlog.keep(memoryview(b"xy"))
    assert len(backlog) == 2
    backlog.clear()
    assert (len(backlog), backlog.size_bytes) == (0, 0)


def test_a_broken_socket_is_told() -> None:
    backlog = Backlog()
    backlog.keep(memoryview(b"x"))
    here, there = socket.socketpair()
    there.close()
    with here, pytest.raises(BrokenPipeError):
        backlog.write(here)
