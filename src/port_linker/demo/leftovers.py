"""Ends the processes that a demo left on its target, known by a mark in their environment. I/O."""

from __future__ import annotations

import contextlib
import os
import signal
import time

MARK = "PORT_LINKER_DEMO"  # the variable; its value names one demo
GRACE_S = 0.5  # after SIGTERM
LIMIT_S = 3.0  # then what will not die is left to the lease
POLL_S = 0.02


def find_marked(name: str) -> list[int]:
    """Return the processes that carry the mark of this demo, this one left out."""
    wanted = f"{MARK}={name}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdecimal() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                environ = file.read()
        except OSError:
            continue  # it ended, or is somebody else's
        if wanted in environ.split(b"\0"):
            found.append(int(entry))
    return found


def end_marked(name: str) -> bool:
    """End them, SIGTERM first; return whether none is left. A dead process has no environment."""
    began = time.monotonic()
    while pids := find_marked(name):
        passed_s = time.monotonic() - began
        if passed_s > LIMIT_S:
            return False
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGTERM if passed_s < GRACE_S else signal.SIGKILL)
        time.sleep(POLL_S)
    return True
