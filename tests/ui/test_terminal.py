"""The terminal as it was, on a pseudo terminal."""

from __future__ import annotations

import os
import termios
import tty
from collections.abc import Iterator

import pytest

from port_linker.ui import terminal
from port_linker.ui.terminal import RESET, TerminalGuard


@pytest.fixture
def pair() -> Iterator[tuple[int, int]]:
    """Yield the two ends of a pseudo terminal: ours, and the program's."""
    ours, theirs = os.openpty()
    yield ours, theirs
    for descriptor in (ours, theirs):
        os.close(descriptor)


def test_the_mode_comes_back_and_the_full_screen_is_left(pair: tuple[int, int]) -> None:
    ours, theirs = pair
    before = termios.tcgetattr(theirs)
    guard = TerminalGuard(theirs, theirs)
    tty.setraw(theirs)
    assert termios.tcgetattr(theirs) != before
    guard.restore()
    assert termios.tcgetattr(theirs) == before
    assert os.read(ours, 1000) == RESET
    guard.restore()  # as often as wanted


def test_what_is_no_terminal_is_left_alone() -> None:
    reader, writer = os.pipe()
    TerminalGuard(reader, writer).restore()
    os.close(writer)
    assert os.read(reader, 10) == b""
    os.close(reader)


def test_a_terminal_that_is_gone_is_no_error(pair: tuple[int, int]) -> None:
    lost = os.dup(pair[1])
    guard = TerminalGuard(lost, lost)
    os.close(lost)
    guard.restore()


def test_release_restores_what_is_guarded_once(
    pair: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "TerminalGuard", lambda: TerminalGuard(pair[1], pair[1]))
    guarded = terminal.guard_terminal()
    tty.setraw(pair[1])
    terminal.release_terminal()
    assert termios.tcgetattr(pair[1]) == guarded._attributes
    assert os.read(pair[0], 1000) == RESET
    terminal.release_terminal()
    os.set_blocking(pair[0], False)
    with pytest.raises(BlockingIOError):
        os.read(pair[0], 1)
