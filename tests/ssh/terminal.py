"""A program in a terminal of its own, with keys typed at it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def run_in_terminal(words: list[str], wait_for: bytes, keys: bytes) -> tuple[int, bytes]:
    """Run a program as leader of a terminal; type keys once it showed wait_for."""
    terminal, theirs = pty.openpty()
    program = subprocess.Popen(["setsid", "--ctty", *words], stdin=theirs, stdout=theirs, stderr=2)
    os.close(theirs)
    shown, until = b"", time.monotonic() + 20
    while program.poll() is None and time.monotonic() < until:
        if select.select([terminal], [], [], 0.05)[0]:
            shown += read_or_end(terminal)
        if keys and wait_for in shown:
            os.write(terminal, keys)
            keys = b""
    os.close(terminal)
    return program.wait(5), shown


def read_or_end(terminal: int) -> bytes:
    """Read what was shown; a terminal that nobody holds any more gives an error."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
