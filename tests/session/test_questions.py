"""What a typed answer means."""

from __future__ import annotations

import pytest

from port_linker.session.questions import EPHEMERAL, SKIP, Choice, Question

ASKED = Question(
    "1", EPHEMERAL, "40000 is short-lived", (Choice("l", "link", "link it"), SKIP), "skip"
)


@pytest.mark.parametrize(
    ("typed", "word"),
    [("l", "link"), ("LINK", "link"), (" s ", "skip"), ("", "skip"), ("x", None), ("li", None)],
)
def test_a_letter_a_word_or_nothing(typed: str, word: str | None) -> None:
    assert ASKED.word_of(typed) == word
