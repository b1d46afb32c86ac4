"""When colour is wanted."""

from __future__ import annotations

import pytest

from port_linker.ports.types import ServiceState
from port_linker.ui.colour import is_colour_wanted, paint


@pytest.mark.parametrize(
    ("is_terminal", "environ", "no_color", "wanted"),
    [
        (True, {"TERM": "xterm"}, False, True),
        (False, {"TERM": "xterm"}, False, False),
        (True, {"TERM": "dumb"}, False, False),
        (True, {}, False, False),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, False, False),
        (True, {"TERM": "xterm", "NO_COLOR": ""}, False, True),
        (True, {"TERM": "xterm"}, True, False),
    ],
)
def test_wanted(is_terminal: bool, environ: dict[str, str], no_color: bool, wanted: bool) -> None:
    assert is_colour_wanted(is_terminal, environ, no_color) is wanted


def test_paint() -> None:
    assert paint("x", ServiceState.READY, True) == "\x1b[32mx\x1b[0m"
    assert paint("x", ServiceState.READY, False) == "x"
    assert paint("x", None, True) == "x"
    assert {paint("x", state, True) for state in ServiceState}
