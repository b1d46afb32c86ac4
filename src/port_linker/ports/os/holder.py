"""Find the process that holds a local port. I/O.

/proc/net names the socket, its owner and its inode to everybody; which process has it open can be
seen of one's own processes, or by root. psutil describes the process. A walk through /proc takes
5-50 ms on a busy machine, so a thread does it, MAX_WALK_S long at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import re
import sys
from collections.abc import Callable

from port_linker import clock
from port_linker.model import Proto, clean_text
from port_linker.ports.policy import OWN_NAMES
from port_linker.ports.types import Local, PortHolder
from port_linker.scan.procnet import parse_proc_net
from port_linker.scan.rows import Row, ScanFormatError

FRESH_S = 1.0  # a table of sockets serves that long: many conflicts come at once
MAX_WALK_S = 2.0  # then a process that was not found yet stays unnamed
UNSEEN_S = 10.0  # an inode that no process of ours has open is looked for again after this
MAX_COMMAND_CHARS = 200
SOCKET_LINK = re.compile(r"socket:\[(\d+)\]")
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104  read, not bound

Tables = dict[tuple[Proto, int], list[Row]]  # by protocol and port
Place = tuple[int, str]  # pid and path of the descriptor in /proc


class HolderFinder:
    """Find holders, and reuse a scan for a second. now: monotonic seconds."""

    def __init__(self, now: Callable[[], float] = clock.monotonic_s) -> None:
        self._now = now
        self._tables: Tables = {}
        self._read_at = float("-inf")
        self._described: dict[int, PortHolder] = {}  # by pid, as old as the tables
        self._places: dict[int, Place] = {}
        self._turn = asyncio.Lock()
        self._unseen: dict[int, float] = {}  # inode -> when to look again

    async def find(self, proto: Proto, local: Local) -> PortHolder | None:
        """Return the holder that prevents a bind of local; None if no socket can be seen there."""
        async with self._turn:
            return await asyncio.to_thread(self.look, proto, local)

    def look(self, proto: Proto, local: Local) -> PortHolder | None:
        """Do what find does, in this thread."""
        now = self._now()
        if now - self._read_at >= FRESH_S:
            self._tables, self._read_at, self._described = read_tables(), now, {}
        rows = self._find_rows(proto, local)
        if not rows and now > self._read_at:  # bound since the tables were read
            self._tables, self._read_at, self._described = read_tables(), now, {}
            rows = self._find_rows(proto, local)
        if not rows:
            return None
        for row in rows:
            pid = self._find_pid(row.inode, now)
            if pid is not None:
                if pid not in self._described:
                    self._described[pid] = describe_process(pid, row.uid)
                return self._described[pid]
        return PortHolder(uid=rows[0].uid, user=_user_name(rows[0].uid))

    def _find_rows(self, proto: Proto, local: Local) -> list[Row]:
        return [row for row in self._tables.get((proto, local.port), ()) if blocks(row, local)]

    def forget(self) -> None:
        """Scan again next time: something was changed."""
        self._read_at = float("-inf")
        self._unseen.clear()

    def _find_pid(self, inode: int, now: float) -> int | None:
        if not self._is_current(inode):
            if now < self._unseen.get(inode, float("-inf")):
                return None
            self._places = read_places()
            self._note_unseen(now)
        place = self._places.get(inode)
        if place is None:
            self._unseen[inode] = now + UNSEEN_S
            return None
        return place[0]

    def _note_unseen(self, now: float) -> None:
        """Remember all that no visible process has: the next of 200 conflicts needs no walk."""
        inodes = {row.inode for rows in self._tables.values() for row in rows}
        known = {inode: until for inode, until in self._unseen.items() if now < until}
        new = dict.fromkeys(inodes - self._places.keys(), now + UNSEEN_S)
        self._unseen = {**new, **known}

    def _is_current(self, inode: int) -> bool:
        place = self._places.get(inode)
        return place is not None and _read_inode(place[1]) == inode


def blocks(row: Row, local: Local) -> bool:
    """Return whether a socket of the same port prevents a bind of local.

    Measured on Linux 6: 0.0.0.0 blocks 127.0.0.1 and not ::1; a dual :: blocks both. The table
    does not tell whether :: is dual; it is asked about only where a bind has failed.
    """
    if row.host in (local.address, "::"):
        return True
    return local.family == 4 and row.host == "0.0.0.0"  # noqa: S104  read, not bound


def read_tables() -> Tables:
    """Return listening TCP and unconnected UDP sockets of this network namespace."""
    tables: Tables = {}
    for proto in Proto:
        for name in (proto.value, f"{proto.value}6"):
            for row in _read_table(name, proto):
                tables.setdefault((proto, row.port), []).append(row)
    for rows in tables.values():
        rows.sort(key=lambda row: row.host in WILDCARDS)  # the very address explains more
    return tables


def _read_table(name: str, proto: Proto) -> list[Row]:
    with contextlib.suppress(OSError, ScanFormatError), open(f"/proc/net/{name}", "rb") as file:
        return parse_proc_net(file.read(), proto, sys.byteorder)
    return []


def read_places() -> dict[int, Place]:
    """Return inode -> process of every socket that we may see. 5-50 ms on a busy machine."""
    places: dict[int, Place] = {}
    end = clock.monotonic_s() + MAX_WALK_S
    for name in os.listdir("/proc"):
        if not name.isdecimal() or clock.monotonic_s() > end:
            continue
        folder = f"/proc/{name}/fd"
        with contextlib.suppress(OSError):  # not ours to see, or gone meanwhile
            for descriptor in os.listdir(folder):
                inode = _read_inode(f"{folder}/{descriptor}")
                if inode is not None:
                    places.setdefault(inode, (int(name), f"{folder}/{descriptor}"))
    return places


def describe_process(pid: int, socket_uid: int | None = None) -> PortHolder:
    """Return what can be seen of a process; texts are clean. Gone: only what was known before."""
    import psutil

    uid, start, words, name, parent = socket_uid, read_start_ticks(pid), [], "", None
    with contextlib.suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        uid = process.uids().effective
        name = process.name()
        words = process.cmdline()
        parent = process.ppid()
    is_port_linker = _is_port_linker(pid, name, words)
    return PortHolder(
        pid=pid,
        command=clean_text(" ".join(words) or name, MAX_COMMAND_CHARS) or None,
        uid=uid,
        user=_user_name(uid),
        start_ticks=start,
        is_ours=uid == os.geteuid(),
        is_protected=pid == 1 or pid in _ancestors(),
        is_port_linker=is_port_linker,
        is_self=pid == os.getpid() or (is_port_linker and parent == os.getpid()),
    )


def read_start_ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot (proc(5), stat field 22)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name, in brackets, may hold anything; what follows its last bracket is numbers.
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None


def _is_port_linker(pid: int, name: str, words: list[str]) -> bool:
    programs = {os.path.basename(word) for word in words[:2]} | {name}
    by_module = "-m" in words and any(word.startswith("port_linker") for word in words)
    return pid == os.getpid() or by_module or bool(programs & set(OWN_NAMES))


def _ancestors() -> set[int]:
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        return {parent.pid for parent in psutil.Process().parents()}
    return {os.getppid()}


def _user_name(uid: int | None) -> str | None:
    if uid is None:
        return None
    with contextlib.suppress(KeyError):
        return clean_text(pwd.getpwuid(uid).pw_name)
    return None


def _read_inode(path: str) -> int | None:
    with contextlib.suppress(OSError):
        match = SOCKET_LINK.fullmatch(os.readlink(path))
        return int(match[1]) if match else None
    return None
