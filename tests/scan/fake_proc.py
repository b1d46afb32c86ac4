"""A /proc of files, for processes and tables that this machine does not have."""

from __future__ import annotations

import shutil
from pathlib import Path

from port_linker.scan.procfs import ProcFs


class FakeProc:
    """Builds folders as the kernel shows them; fs reads them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.fs = ProcFs(str(root))
        (root / "net").mkdir(parents=True)

    def add(
        self,
        pid: int,
        sockets: dict[int, int],
        name: bytes = b"web",
        command: bytes = b"web\0-v\0",
        parent: int = 1,
        cgroup: bytes = b"0::/user.slice\n",
    ) -> None:
        """A process; sockets: descriptor → inode."""
        home = self.root / str(pid)
        shutil.rmtree(home, ignore_errors=True)
        (home / "fd").mkdir(parents=True)
        (home / "fd" / "0").symlink_to("/dev/null")
        for descriptor, inode in sockets.items():
            (home / "fd" / str(descriptor)).symlink_to(f"socket:[{inode}]")
        (home / "comm").write_bytes(name + b"\n")
        (home / "cmdline").write_bytes(command)
        (home / "stat").write_bytes(b"%d (%s) S %d 1 1 0" % (pid, name, parent))
        (home / "cgroup").write_bytes(cgroup)

    def end(self, pid: int) -> None:
        shutil.rmtree(self.root / str(pid))

    def set_table(self, name: str, text: bytes) -> None:
        (self.root / "net" / name).write_bytes(text)


class Clock:
    """A clock that moves when told, and by step_s each time it is read."""

    def __init__(self, step_s: float = 0.0) -> None:
        self.now_s = 1000.0
        self.step_s = step_s

    def __call__(self) -> float:
        self.now_s += self.step_s
        return self.now_s
