"""A text in a window that is too small for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from port_linker.ui.table.pager import Pager, wrap


@pytest.mark.parametrize(
    ("line", "width", "parts"),
    [
        ("", 5, [""]),
        ("abc", 5, ["abc"]),
        ("one two three", 7, ["one two", "three"]),
        ("one two three", 8, ["one two", "three"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("  abcdefgh", 4, ["  ab", "cdef", "gh"]),
        ("日本語", 4, ["日本", "語"]),
    ],
)
def test_lines_are_cut_at_spaces_where_there_are_any(
    line: str, width: int, parts: list[str]
) -> None:
    assert wrap(line, width) == parts


@given(st.text(alphabet="ab 日", max_size=40), st.integers(2, 12))
def test_no_part_is_too_wide_and_no_letter_is_lost(line: str, width: int) -> None:
    parts = wrap(line, width)
    assert all(cell_len(part) <= width for part in parts)
    assert "".join(parts).replace(" ", "") == line.replace(" ", "")


def test_keys_move_the_view_within_the_text() -> None:
    pager = Pager([str(n) for n in range(10)])
    assert pager.view(5, 4) == ["0", "1", "2", "3"]
    assert pager.place == "1-4 of 10"
    for keys, first in (("down", "1"), ("pagedown", "5"), ("end", "6"), ("up", "5"), ("home", "0")):
        assert pager.press(keys)
        assert pager.view(5, 4)[0] == first
    assert pager.press("k")
    assert pager.view(5, 4)[0] == "0"
    assert not pager.press("x")
    assert pager.view(5, 20)[0] == "0"
    assert not pager.can_move


def test_who_reads_the_end_goes_on_to_do_so() -> None:
    pager = Pager(["a", "b", "c"], follows=True)
    assert pager.view(5, 2) == ["b", "c"]
    pager.set_lines(["a", "b", "c", "d"])
    assert pager.view(5, 2) == ["c", "d"]
    pager.press("up")
    pager.set_lines(["a", "b", "c", "d", "e"])
    assert pager.view(5, 2) == ["b", "c"]
