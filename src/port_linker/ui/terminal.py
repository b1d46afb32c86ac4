"""The terminal as it was before the table, brought back on every way out."""

from __future__ import annotations

import contextlib
import os
import select
import termios
from typing import Any

WRITE_WAIT_S = 1.0  # a terminal that takes nothing for so long is beyond help

# Leave what the table may have switched on: kitty keys, mouse, focus reports, bracketed paste,
# in-band resize, no line wrap, hidden cursor, colours; the alternate screen last.
RESET = (
    b"\x1b[<u\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1004l\x1b[?2004l\x1b[?2048l"
    b"\x1b[?7h\x1b[?25h\x1b[0m\x1b[?1049l"
)


def is_in_front(descriptor: int) -> bool:
    """Whether we may read and set the terminal; a job in the background is stopped for it."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False


def _is_somebody_elses(descriptor: int) -> bool:
    """Whether another job has the terminal now; one that is gone is nobody's."""
    try:
        return os.tcgetpgrp(descriptor) != os.getpgrp()
    except OSError:
        return False


class TerminalGuard:
    """Remembers a terminal's mode; restore() brings it back, as often as wanted."""

    def __init__(self, keys: int = 0, screen: int = 2) -> None:
        self._keys = keys
        self._screen = screen
        self._attributes: list[Any] | None = None
        with contextlib.suppress(termios.error, OSError):
            self._attributes = termios.tcgetattr(keys)

    def restore(self) -> None:
        """Bring the mode back and leave the full screen; errors of a lost terminal are nothing.

        In the background it is the shell's, which has its own mode already.
        """
        if self._attributes is None or _is_somebody_elses(self._keys):
            return
        with contextlib.suppress(OSError, ValueError):
            if select.select([], [self._screen], [], WRITE_WAIT_S)[1]:
                os.write(self._screen, RESET)
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(self._keys, termios.TCSANOW, self._attributes)


_guards: list[TerminalGuard] = []


def guard_terminal() -> TerminalGuard:
    """Remember the terminal now; release_terminal restores it. One at a time."""
    guard = TerminalGuard()
    _guards.append(guard)
    return guard


def release_terminal() -> None:
    """Restore the terminal if a table has it; safe to call from any way out."""
    while _guards:
        _guards.pop().restore()
