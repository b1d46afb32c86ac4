"""The marker that a link begins with, behind any noise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.errors import ProtocolError
from port_linker.mux import sync

MARKER = sync.sync_marker(b"0123456789abcdef")


@given(st.binary(max_size=200), st.binary(max_size=50), st.integers(1, 60))
def test_what_follows_the_marker_is_returned_at_any_split(
    noise: bytes, rest: bytes, step: int
) -> None:
    finder = sync.SyncFinder(MARKER)
    data, got = noise + MARKER + rest, None
    for start in range(0, len(data), step):
        part = data[start : start + step]
        if got is None:
            got = finder.feed(part)
        else:
            got += part
    assert got == rest


def test_a_marker_of_another_attach_is_noise() -> None:
    other = sync.sync_marker(b"fedcba9876543210")
    finder = sync.SyncFinder(MARKER)
    assert finder.feed(other) is None
    assert finder.feed(MARKER + b"x") == b"x"


def test_noise_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "MAX_NOISE_BYTES", 1000)
    finder = sync.SyncFinder(MARKER)
    for _ in range(12):
        assert finder.feed(b"garbage " * 10) is None
    with pytest.raises(ProtocolError, match="never began"):
        finder.feed(b"garbage " * 10)
