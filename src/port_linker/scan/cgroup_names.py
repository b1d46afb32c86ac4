"""Which unit a socket was made in, where its process cannot be seen. Runs on Python 3.9.

From Linux 5.7 on sock_diag tells the number of a socket's group, which is the inode of the group's
folder; there is no index from inode to folder, so all of them are listed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from port_linker import clock
from port_linker.scan.background import Background
from port_linker.scan.cgroups import name_unit_of

# Of version 2 alone, and beside version 1. The inodes of version 1 would be other groups'.
MOUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
_MARK = "cgroup.controllers"  # a file that version 2 alone has in its root
_MAX_FOLDERS = 8192
_MAX_DEPTH = 12
_WAIT_S = 5.0  # between two lists; 300 groups take 8 ms in a thread (2026-11-21)
_SHARE = 0.005  # of one core, for lists
_FIRST_WAIT_S = 0.03  # so that most services appear with their unit


def list_units(mount: str) -> dict[int, str]:
    """Return inode → unit of the groups below a mount of version 2; empty if it is none."""
    units: dict[int, str] = {}
    if not os.path.exists(f"{mount}/{_MARK}"):
        return units
    folders, seen = [(mount, 0)], 0
    while folders and seen < _MAX_FOLDERS:
        path, depth = folders.pop()
        seen += 1
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        below = os.fsencode(entry.path[len(mount) :])
                        unit = name_unit_of(below)
                        if unit is not None:
                            units[entry.inode()] = unit
                        if depth < _MAX_DEPTH:
                            folders.append((entry.path, depth + 1))
        except OSError:
            continue  # gone meanwhile, or not for us
    return units


def list_all_units(mounts: tuple[str, ...] = MOUNTS) -> dict[int, str]:
    """Return what the first mount of version 2 says."""
    for mount in mounts:
        units = list_units(mount)
        if units:
            return units
    return {}


class CgroupNames:
    """Number of a group → unit, hardly ever waiting: what is not known comes in a later scan."""

    def __init__(
        self,
        list_names: Callable[[], dict[int, str]] = list_all_units,
        now_s: Callable[[], float] = clock.monotonic_s,
    ) -> None:
        self._list_names = list_names
        self._background: Background[int, tuple[dict[int, str], float]] = Background(
            self._list_all, "control groups"
        )
        self._now_s = now_s
        self._units: dict[int, str] = {}
        self._asked: set[int] = set()  # numbers that a list was made for
        self._next_s = 0.0
        self._is_late = False  # some number waits for the next list

    @property
    def has_news(self) -> bool:
        """Whether a list has come, or may be asked for."""
        return self._background.has_answers or (self._is_late and self._now_s() >= self._next_s)

    def read_units(self, numbers: set[int]) -> dict[int, str]:
        """Return the units known by now. numbers: of the groups of all sockets; 0 is unknown."""
        self._take(0.0)
        self._asked &= numbers
        wanted = numbers - self._asked - {0}
        self._is_late = bool(wanted) and self._now_s() < self._next_s
        if wanted and not self._is_late:
            is_first = not self._next_s
            self._next_s = self._now_s() + _WAIT_S
            self._asked |= wanted
            self._background.request([0])
            self._take(_FIRST_WAIT_S if is_first else 0.0)
        return self._units

    def _take(self, wait_s: float) -> None:
        for units, cost_s in self._background.take(wait_s).values():
            self._units = units
            self._next_s = max(self._next_s, self._now_s() + cost_s / _SHARE)

    def _list_all(self, _: int) -> tuple[dict[int, str], float]:
        started_s = time.thread_time()
        return self._list_names(), time.thread_time() - started_s
