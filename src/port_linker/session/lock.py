"""Who has the lock of a target, asked before the first word on the screen. I/O.

It imports next to nothing: state_file.py, which takes the lock, comes when the session does.
"""

from __future__ import annotations

import fcntl
import os

from port_linker.errors import EXIT_USAGE, PortLinkerError
from port_linker.folders import state_folder

MAX_STATE_BYTES = 64 * 1024


class AlreadyRunning(PortLinkerError):
    """Another port-linker links the same target."""

    code = "PL-SESSION-RUNNING"
    exit_code = EXIT_USAGE


def target_folder() -> str:
    """Return where the files of the targets are."""
    return state_folder("targets")


def check_free(folder: str, key: str, target: str) -> None:
    """Raise AlreadyRunning if another process has the target's lock. Takes and makes nothing."""
    try:
        fd = os.open(
            os.path.join(folder, f"{key}.json"), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        )
    except OSError:
        return  # nobody was there yet, or the session itself will say what is wrong
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise explain_lock(fd, target) from error
    finally:
        os.close(fd)


def explain_lock(fd: int, target: str) -> AlreadyRunning:
    """Return the error for a lock that another process has; its file says which."""
    return AlreadyRunning(
        f"another port-linker (pid {read_state(fd).get('pid', 'unknown')}) already links {target}",
        hint="use that one, or end it first",
    )


def read_state(fd: int) -> dict[str, object]:
    """Return what stands in a target's file; nothing if it is damaged."""
    import json

    try:
        value = json.loads(os.pread(fd, MAX_STATE_BYTES, 0))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
