"""The keys of the table."""

from __future__ import annotations

import pytest

from port_linker.session.events import SessionState
from port_linker.ui.text import keys


def test_keys_are_lower_case_and_used_once() -> None:
    assert len({key.key for key in keys.KEYS}) == len(keys.KEYS)
    assert all(key.key == key.key.lower() for key in keys.KEYS)


def test_the_keys_that_people_learned_stay() -> None:
    actions = {key.label: key.action for key in keys.KEYS}
    assert actions["q"] == "leave"
    assert actions["r"] == "reconnect"
    assert actions["/"] == "filter"
    assert actions["s"] == "toggle_skipped"
    assert actions["?"] == "help"
    assert actions["Enter"] == "detail"


def test_help_has_a_line_per_key() -> None:
    lines = keys.help_lines()
    assert "q       end the session (Ctrl-C does so too)" in lines
    assert len(lines) == sum(1 for key in keys.KEYS if key.description)


@pytest.mark.parametrize("width", range(80))
def test_the_foot_fits_and_always_offers_help(width: int) -> None:
    text = keys.footer(width)
    assert "? help" in text
    assert len(text) <= max(width, len("? help"))


def test_what_does_nothing_is_not_offered() -> None:
    idle = {"reconnect", "take_back", "toggle_skipped"}
    assert keys.footer(80, idle) == "q quit  / filter  Enter detail  l log  ? help"


def test_a_filter_that_was_kept_can_be_ended() -> None:
    assert keys.footer(90, is_filtered=True).startswith("q quit  Esc show all  r reconnect")
    assert keys.footer(40, is_filtered=True) == "q quit  Esc show all  ? help"


def test_a_key_that_does_nothing_says_why() -> None:
    for state in SessionState:
        why = keys.why_disabled("reconnect", state)
        assert (why is None) is (state is SessionState.OUTAGE)
        assert keys.why_disabled("filter", state) is None
