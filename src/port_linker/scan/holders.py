"""Keeps the book of which process holds which socket, at a bounded cost. Runs on Python 3.9."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from port_linker import clock
from port_linker.scan.background import Background
from port_linker.scan.owners import Owner, clean_command, make_owner
from port_linker.scan.procfs import ProcFs
from port_linker.scan.walk import Holder, SocketWalk

# A look at one process costs 15 µs and 6 µs per file (2026-11-21), so a pass over thousands of
# them takes a third of a second: it goes in slices, and what it takes in the long run is bounded.
_FIRST_SLICE_S = 0.03  # of processor time, before the first services are shown
_SLICE_S = 0.01  # in a later scan, so that the agent's loop is not held
_SHARE = 0.02  # of one core
_MAX_CREDIT_S = 0.5  # saved up while nothing is searched: a whole pass, mostly
_CHECKS_PER_SCAN = 2  # holders looked at again, some 15 µs each
_COMMAND_WAIT_S = 0.05  # for command lines, so that most services appear with theirs
# A socket that nobody seems to hold may just be handed over; mostly it is somebody else's.
_RETRY_MIN_S, _RETRY_MAX_S, _RETRY_FACTOR = 2.0, 1024.0, 8


class Holders:
    """inode → Owner. update() at each scan; owner_of() at any time."""

    def __init__(
        self,
        proc: ProcFs,
        now_s: Callable[[], float] = clock.monotonic_s,
        cpu_s: Callable[[], float] = time.thread_time,
    ) -> None:
        self._proc = proc
        self._uid = os.getuid()
        self._now_s = now_s
        self._cpu_s = cpu_s
        self._walk = SocketWalk(proc, cpu_s)
        self._commands: Background[int, bytes] = Background(proc.read_command, "command-lines")
        self._live: Mapping[int, int] = {}
        self._holders: dict[int, Holder] = {}
        self._owners: dict[int, Owner] = {}  # by pid
        self._names: dict[int, bytes] = {}  # by pid, as the kernel has them
        self._missing: set[int] = set()
        self._retry_at_s = 0.0
        self._retry_s = _RETRY_MIN_S
        self._slice_s = _FIRST_SLICE_S
        self._credit_s = _MAX_CREDIT_S
        self._credit_at_s = now_s()
        self._to_check: list[int] = []
        self.search_s = 0.0  # processor time spent in searches so far

    def owner_of(self, inode: int) -> Owner | None:
        """Return who holds the socket, if that is known by now."""
        holder = self._holders.get(inode)
        return None if holder is None else self._owners.get(holder.pid)

    def set_live(self, uids: Mapping[int, int]) -> None:
        """Take in which sockets there are; unknown ones are searched for from now on.

        uids: inode → owner of the socket, whose processes are looked at first.
        """
        gone, new = self._live.keys() - uids.keys(), uids.keys() - self._live.keys()
        self._live = uids
        if gone:
            self._missing -= gone
            self._walk.forget(gone)
            for inode in gone:
                self._holders.pop(inode, None)
            self._forget_owners()
        if new:
            self._want(new - {0})

    def update(self) -> bool:
        """Go on with the search and with checks; return whether any owner changed."""
        now = self._now_s()
        changed = self._check_some()
        if self._missing and now >= self._retry_at_s:
            self._want(self._missing)
            self._missing = set()
            self._retry_s = min(self._retry_s * _RETRY_FACTOR, _RETRY_MAX_S)
        self._credit_s = min(self._credit_s + _SHARE * (now - self._credit_at_s), _MAX_CREDIT_S)
        self._credit_at_s = now
        if self._walk.is_running and self._credit_s > 0:
            changed = self._search(now) or changed
        return self._take_commands(0.0) or changed

    def _want(self, inodes: set[int]) -> None:
        self._walk.want({inode: self._live[inode] for inode in inodes})

    def _search(self, now: float) -> bool:
        started_s = self._cpu_s()
        found, missing = self._walk.run(started_s + self._slice_s, set(self._owners))
        self._slice_s = _SLICE_S
        spent_s = self._cpu_s() - started_s
        self._credit_s -= spent_s
        self.search_s += spent_s
        for inode in missing:
            self._holders.pop(inode, None)
        if missing:
            self._retry_s = _RETRY_MIN_S if self._missing else self._retry_s
            self._missing |= missing
            self._retry_at_s = now + self._retry_s
        self._holders.update(found)
        self._read_owners({holder.pid for holder in found.values()})
        self._forget_owners()
        return bool(found or missing)

    def _read_owners(self, pids: set[int]) -> None:
        """Read the names of processes; the command lines may follow later."""
        for pid in pids:
            name, cgroup = self._proc.read_name(pid), self._proc.read_cgroup(pid)
            before = self._owners.get(pid)
            command = before.command if before else None
            self._names[pid] = name
            self._owners[pid] = make_owner(pid, name, command, cgroup, self._uid)
        if pids:
            self._commands.request(list(pids))
            self._take_commands(_COMMAND_WAIT_S)

    def _take_commands(self, wait_s: float) -> bool:
        if not wait_s and not self._commands.has_answers:
            return False
        commands = self._commands.take(wait_s)
        for pid, words in commands.items():
            owner = self._owners.get(pid)
            if owner is not None:
                self._owners[pid] = owner._replace(command=clean_command(words))
        return bool(commands)

    def _check_some(self) -> bool:
        """Look again at a few holders: they may have ended, handed over, or changed their name."""
        changed = False
        for _ in range(min(_CHECKS_PER_SCAN, len(self._holders))):
            if not self._to_check:
                self._to_check = list(self._holders)
            inode = self._to_check.pop()
            holder = self._holders.get(inode)
            if holder is not None:
                changed = self._check(inode, holder) or changed
        return changed

    def _check(self, inode: int, holder: Holder) -> bool:
        if not self._proc.is_holding(holder.pid, holder.descriptor, inode):
            self._want({inode})  # until it is found the old answer stands
            return False
        if self._proc.read_name(holder.pid) == self._names.get(holder.pid):
            return False
        self._read_owners({holder.pid})
        return True

    def _forget_owners(self) -> None:
        pids = {holder.pid for holder in self._holders.values()}
        if len(pids) < len(self._owners):
            self._owners = {pid: owner for pid, owner in self._owners.items() if pid in pids}
            self._names = {pid: name for pid, name in self._names.items() if pid in pids}
