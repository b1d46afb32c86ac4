"""Finds which process holds a socket, by reading /proc/<pid>/fd bit by bit. Python 3.9.

There is no index from inode to process, so a search looks at the likely ones first (just
started, then known holders of sockets) and goes on where its time ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from port_linker.scan.procfs import ProcFs

_FILES_PER_STEP = 32  # read between two looks at the clock: some 60 µs
_MAX_ANCESTORS = 16


class Holder(NamedTuple):
    """A process that has a socket open, and under which descriptor."""

    pid: int
    descriptor: str


class SocketWalk:
    """Searches holders for a set of inodes; a search may be spread over many calls."""

    def __init__(self, proc: ProcFs, cpu_s: Callable[[], float] = time.thread_time) -> None:
        self._proc = proc
        self._cpu_s = cpu_s
        self._wanted: dict[int, int] = {}  # inode → uid of the socket
        self._waiting: set[int] = set()  # wanted since the running pass began: need another one
        self._steps: Iterator[None] | None = None
        self._found: dict[int, Holder] = {}
        self._listed: set[int] = set()
        self._denied: set[int] = set()

    @property
    def is_running(self) -> bool:
        """Whether something is still searched for."""
        return bool(self._wanted)

    def want(self, uids: Mapping[int, int]) -> None:
        """Add inodes to search for. uids: inode → owner of the socket."""
        if self._steps is not None:
            self._waiting |= uids.keys() - self._wanted.keys()
        self._wanted.update(uids)

    def forget(self, gone: set[int]) -> None:
        """Stop to search for sockets that are closed."""
        self._waiting -= gone
        for inode in gone:
            self._wanted.pop(inode, None)

    def run(self, until_s: float, holders: set[int]) -> tuple[dict[int, Holder], set[int]]:
        """Search until that processor time or the end of a pass; one step at least.

        Return what was found, and what no visible process holds. holders: processes known to
        hold sockets, looked at early.
        """
        missing: set[int] = set()
        if self._steps is None:
            self._steps = self._pass(holders)
        while self._wanted:
            if next(self._steps, self) is self:
                missing, self._steps = self._end_pass(), None
                break
            if self._cpu_s() >= until_s:
                break
        if not self._wanted:
            self._steps = None
        found, self._found = self._found, {}
        return {inode: self._climb(inode, holder) for inode, holder in found.items()}, missing

    def _end_pass(self) -> set[int]:
        missing = self._wanted.keys() - self._waiting
        self._wanted = {inode: self._wanted[inode] for inode in self._waiting}
        self._waiting = set()
        return missing

    def _pass(self, holders: set[int]) -> Iterator[None]:
        """Look at every process once, pausing often."""
        for pid in self._order(holders):
            try:
                for number, (descriptor, inode) in enumerate(self._proc.iter_sockets(pid), 1):
                    if inode in self._wanted:
                        self._take(inode, Holder(pid, descriptor))
                    if number % _FILES_PER_STEP == 0:
                        yield
            except PermissionError:
                self._denied.add(pid)
            yield

    def _order(self, holders: set[int]) -> list[int]:
        """Return all processes: started since the last pass, known holders, those of the
        sockets' owners, the rest, and last those that could not be read.
        """
        pids = set(self._proc.list_pids())
        uids = set(self._wanted.values())
        before, self._listed = self._listed or pids, pids
        self._denied &= pids

        def rank(pid: int) -> tuple[int, int]:
            if pid not in before:
                return 0, -pid
            if pid in holders:
                return 1, -pid
            if pid in self._denied:
                return 4, -pid
            return (2 if self._proc.read_uid(pid) in uids else 3), -pid

        return sorted(pids, key=rank)

    def _take(self, inode: int, holder: Holder) -> None:
        del self._wanted[inode]
        self._waiting.discard(inode)
        self._found[inode] = holder

    def _climb(self, inode: int, holder: Holder) -> Holder:
        """Return the oldest ancestor that has the socket too: the server, not its worker.

        A fork keeps descriptors, so one look per ancestor is enough. Not pid 1: it hands
        sockets to services and would name them all.
        """
        for _ in range(_MAX_ANCESTORS):
            parent = self._proc.read_parent(holder.pid)
            if parent <= 1 or not self._proc.is_holding(parent, holder.descriptor, inode):
                break
            holder = Holder(parent, holder.descriptor)
        return holder
