"""A line that says the same again and again."""

from __future__ import annotations

from port_linker.ui import repeats
from port_linker.ui.repeats import Repeats
from port_linker.ui.words import format_clock
from tests.ui.samples import AT


def test_it_is_shown_ever_more_rarely_and_counted() -> None:
    seen = Repeats()
    told = [seen.take("refused", AT + n) for n in range(9)]
    since = format_clock(AT)
    counted = [f"refused ({n} times since {since})" for n in (2, 4, 8)]
    assert [text for text in told if text] == ["refused", *counted]
    assert seen.take("another", AT) == "another"


def test_it_is_told_anew_after_a_change_and_never_grows() -> None:
    seen = Repeats()
    for number in range(repeats.MAX_TEXTS + 9):
        seen.take(str(number), AT)
    assert len(seen._seen) == repeats.MAX_TEXTS
    seen.clear()
    assert seen.take("5", AT) == "5"
