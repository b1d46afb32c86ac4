"""Whether ssh can ask somebody."""

from __future__ import annotations

import subprocess
import sys

import pytest

from port_linker.ssh.person import can_ask
from tests.ssh.terminal import run_in_terminal

PROGRAM = "from port_linker.ssh.person import can_ask; print('asked' if can_ask({}) else 'alone')"


def test_at_a_terminal_somebody_can_be_asked() -> None:
    status, shown = run_in_terminal([sys.executable, "-c", PROGRAM], b"", b"")
    assert (status, shown.strip()) == (0, b"asked")


def test_without_a_terminal_nobody_can() -> None:
    words = ["setsid", "--wait", sys.executable, "-c", PROGRAM]
    assert subprocess.run(words, capture_output=True, check=True).stdout.strip() == b"alone"


@pytest.mark.parametrize(
    "environ",
    [
        {"SSH_ASKPASS": "/bin/ask", "DISPLAY": ":0"},
        {"SSH_ASKPASS": "/bin/ask", "WAYLAND_DISPLAY": "wayland-0"},
        {"SSH_ASKPASS": "/bin/ask", "SSH_ASKPASS_REQUIRE": "force"},
    ],
)
def test_a_window_that_asks_is_as_good_as_a_terminal(environ: dict[str, str]) -> None:
    assert can_ask(environ)
