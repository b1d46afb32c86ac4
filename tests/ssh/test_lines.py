"""Bytes become bounded lines."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from port_linker.ssh.lines import LineSplitter


def test_lines_come_out_whole_and_clean() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"one\ntw") == ["one"]
    assert splitter.feed(b"o\r\n\x1b[31mred\tx\n\xff\n") == [
        "two",
        "\ufffd[31mred    x",
        "\ufffd",
    ]
    assert splitter.flush() == []
    assert splitter.feed(b"rest") == []
    assert splitter.flush() == ["rest"]
    assert splitter.flush() == []


def test_a_line_without_end_takes_no_more_than_its_limit() -> None:
    splitter = LineSplitter(limit=8)
    for _ in range(100):
        assert splitter.feed(b"abcdef") == []
    assert splitter.feed(b"\nok\n") == ["abcdefab", "ok"]


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=6))
def test_where_the_stream_is_cut_does_not_matter(data: bytes, cuts: list[int]) -> None:
    whole = LineSplitter(limit=16)
    expected = whole.feed(data) + whole.flush()
    parts = LineSplitter(limit=16)
    got: list[str] = []
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        got += parts.feed(data[start:end])
    assert got + parts.flush() == expected
    assert all(len(line) <= 64 for line in got)
