"""Whether ssh can ask somebody for a password, a code or a touch. I/O: looks at the terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping

TERMINAL = "/dev/tty"  # where ssh asks, whatever our stdin is


def can_ask(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a person may answer: at our terminal, or in the window of an askpass program."""
    return _has_askpass(environ) or _has_terminal()


def _has_askpass(environ: Mapping[str, str]) -> bool:
    """As ssh decides it (readpass.c): a display, or the demand to use the program anyway."""
    has_display = bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))
    is_demanded = environ.get("SSH_ASKPASS_REQUIRE") in ("force", "prefer")
    return bool(environ.get("SSH_ASKPASS")) and (has_display or is_demanded)


def _has_terminal() -> bool:
    try:
        terminal = os.open(TERMINAL, os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()  # in the background ssh would be stopped
    except OSError:
        return False
    finally:
        os.close(terminal)
