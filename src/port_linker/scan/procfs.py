"""What /proc says about sockets and the processes that hold them. Runs on Python 3.9.

Every reader is bounded and gives an empty answer where a process is gone or not ours.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

_READ_BYTES = 1 << 16
_MAX_TABLE_BYTES = 64 << 20  # some 400,000 sockets
_MAX_COMMAND_BYTES = 4096  # of a command line, which may be of megabytes
_GONE = (errno.ENOENT, errno.ESRCH)


class ProcFs:
    """Reads one /proc; root is another folder in tests only."""

    def __init__(self, root: str = "/proc") -> None:
        self.root = root

    def read_net(self, name: str) -> bytes:
        """Return /proc/net/NAME, of this network namespace; empty if there is no such table.

        Raises OSError if it exists and cannot be read.
        """
        try:
            return _read_file(f"{self.root}/net/{name}", _MAX_TABLE_BYTES)
        except OSError as error:
            if error.errno in _GONE:
                return b""
            raise

    def read_port_range(self) -> tuple[int, int]:
        """Return the first and last port that this machine gives to outgoing sockets."""
        try:
            text = _read_file(f"{self.root}/sys/net/ipv4/ip_local_port_range", 64)
            first, last = text.split()
            return int(first), int(last)
        except (OSError, ValueError):
            return 32768, 60999  # the kernel's default

    def list_pids(self) -> list[int]:
        """Return the processes that can be seen, in no order; empty if /proc is not mounted."""
        try:
            return [int(name) for name in os.listdir(self.root) if name.isdecimal()]
        except OSError:
            return []

    def iter_sockets(self, pid: int) -> Iterator[tuple[str, int]]:
        """Yield descriptor and inode of each socket of a process, and ("", 0) for other files.

        Lazy, since a process may have a million. Raises PermissionError if it is not ours.
        """
        try:
            with os.scandir(f"{self.root}/{pid}/fd") as entries:
                for entry in entries:
                    yield entry.name, self._read_inode(entry.path)
        except PermissionError:
            raise
        except OSError:
            return

    def list_sockets(self, pid: int) -> set[int]:
        """Return the inodes of all sockets of one process at once; empty if it is not ours."""
        try:
            return {inode for _, inode in self.iter_sockets(pid) if inode}
        except PermissionError:
            return set()

    def is_holding(self, pid: int, descriptor: str, inode: int) -> bool:
        """Whether the process still has the socket under that descriptor."""
        return self._read_inode(f"{self.root}/{pid}/fd/{descriptor}") == inode

    def _read_inode(self, path: str) -> int:
        """Return the inode of a descriptor's link "socket:[123]"; 0 if it is something else."""
        try:
            link = os.readlink(path)
        except OSError:
            return 0
        if not link.startswith("socket:["):
            return 0
        number = link[8:-1]
        return int(number) if number.isdecimal() else 0

    def read_uid(self, pid: int) -> int:
        """Return whose process it is (0 for one that hides its memory); -1 if it is gone."""
        try:
            return os.stat(f"{self.root}/{pid}").st_uid
        except OSError:
            return -1

    def read_parent(self, pid: int) -> int:
        """Return the parent's pid; 0 if there is none or the process is gone."""
        stat = self._read_of(pid, "stat", 1024)
        # "12 (name) S 1 …": the name may hold anything, parentheses and spaces too
        columns = stat[stat.rfind(b")") + 1 :].split(None, 2)
        return int(columns[1]) if len(columns) > 1 and columns[1].isdigit() else 0

    def read_name(self, pid: int) -> bytes:
        """Return the process's name, at most 15 bytes of anything; empty if it is gone."""
        name = self._read_of(pid, "comm", 64)
        return name[:-1] if name.endswith(b"\n") else name

    def read_command(self, pid: int) -> bytes:
        """Return the start of the command line, words separated by a NUL each.

        It is the process's own memory: reading it may block for as long as the process likes,
        if it put a file of a file system of its own there.
        """
        return self._read_of(pid, "cmdline", _MAX_COMMAND_BYTES)

    def read_cgroup(self, pid: int) -> bytes:
        """Return the process's control groups, a line each; cgroups.py says what they tell."""
        return self._read_of(pid, "cgroup", _READ_BYTES)

    def _read_of(self, pid: int, name: str, limit: int) -> bytes:
        try:
            return _read_file(f"{self.root}/{pid}/{name}", limit)
        except OSError:
            return b""


def _read_file(path: str, limit: int) -> bytes:
    """Return at most limit bytes of a file; raw descriptors, since this runs often."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        parts = []
        while limit > 0:
            part = os.read(descriptor, min(limit, _READ_BYTES))
            if not part:
                break
            parts.append(part)
            limit -= len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)
