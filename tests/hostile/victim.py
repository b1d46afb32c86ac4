"""The real host against one stream of lies, in a network of its own, watched and limited."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import json
import os
import pty
import shlex
import struct
import subprocess
import sys
import termios
import threading
from dataclasses import dataclass
from typing import Any

from tests.house.source import ROOT
from tests.lab.netns import Namespace
from tests.lab.shell import LabError, wait_until

MEMORY_BYTES = 512 << 20  # over what a quiet session takes
DESCRIPTORS = 256
ENDS_IN_S = 10.0  # after the signal; goodbye takes one second


@dataclass(frozen=True)
class Needs:
    """What a session takes that nobody harms."""

    memory_bytes: int
    address_bytes: int
    descriptors: int


class Victim:
    """A running port-linker. reads: whether somebody reads its lines."""

    def __init__(
        self, net: Namespace, folder: str, stream: str, seed: int = 0,
        needs: Needs | None = None, words: tuple[str, ...] = ("--json",), reads: bool = True,
    ) -> None:  # fmt: skip
        self.folder, self.needs = folder, needs
        self.lines: list[str] = []
        self.stderr = ""
        self.screen = b""  # what a terminal was sent last
        liar = [sys.executable, "-m", "tests.hostile.agent", folder, stream, str(seed)]
        self.command = [
            *self._limits(), sys.executable, "-m", "tests.hostile.watched", self._path("blocked"),
            f"exec:{shlex.join(liar)}", *words,
        ]  # fmt: skip
        self.env = {
            **os.environ,
            "HOME": folder,
            "XDG_STATE_HOME": self._path("state"),
            "PYTHONPATH": f"{ROOT}:{ROOT}/src",
        }
        self._readers: list[threading.Thread] = []
        self.process = self._start(net) if words else self._start_in_terminal(net)
        if words:
            targets = [self._read_stderr, *([self._read_lines] if reads else [])]
        else:
            targets = [self._read_terminal]
        for target in targets:
            self._readers.append(threading.Thread(target=target, daemon=True))
            self._readers[-1].start()

    def _start(self, net: Namespace) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        return net.start(*self.command, stdout=pipe, stderr=pipe, env=self.env, cwd=ROOT)

    def _start_in_terminal(self, net: Namespace) -> subprocess.Popen[bytes]:
        self._terminal, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        process = subprocess.Popen(
            net.command("setsid", "--ctty", *self.command),
            stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT,
            env={**self.env, "TERM": "xterm-256color", "LANG": "C.UTF-8", "CI": ""},
        )  # fmt: skip
        net.processes.append(process)
        os.close(theirs)
        return process

    def _read_terminal(self) -> None:
        with contextlib.suppress(OSError):  # nobody holds it any more
            while data := os.read(self._terminal, 65536):
                self.screen = (self.screen + data)[-200_000:]
        os.close(self._terminal)

    def _limits(self) -> list[str]:
        if self.needs is None:
            return []
        memory = self.needs.address_bytes + MEMORY_BYTES
        files = self.needs.descriptors + DESCRIPTORS
        return ["prlimit", f"--as={memory}", f"--nofile={files}:{files}", "--"]

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if len(self.lines) < 200_000:
                self.lines.append(line.decode(errors="replace"))

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.stderr += line.decode(errors="replace")[:2000]

    # What is seen

    def wait_told(self, name: str = "done", timeout_s: float = 40) -> None:
        """Wait until the stream has come so far, or the host has had enough."""
        try:
            wait_until(lambda: self.has(name) or self.is_over, name, timeout_s)
        except LabError as error:
            raise AssertionError(f"{error}\n{self.tell()}") from None

    def live(self, for_s: float) -> None:
        """Let it be lied to for so long, or until it has had enough."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(for_s)

    def has(self, name: str) -> bool:
        """Whether the liar has left this note."""
        return os.path.exists(self._path(name))

    @property
    def is_over(self) -> bool:
        """Whether the program has ended."""
        return self.process.poll() is not None

    def status(self, name: str) -> int:
        """Return a row of /proc/PID/status in bytes; 0 once the program has ended."""
        try:
            with open(f"/proc/{self.process.pid}/status") as file:
                rows = dict(line.split(":", 1) for line in file)
            return int(rows[name].split()[0]) << 10
        except (OSError, KeyError):
            return 0

    def descriptors(self) -> int:
        """Return how many are open."""
        try:
            return len(os.listdir(f"/proc/{self.process.pid}/fd"))
        except OSError:
            return 0

    def read_needs(self) -> Needs:
        """Return what it takes now."""
        return Needs(self.status("VmHWM"), self.status("VmPeak"), self.descriptors())

    @property
    def was_left(self) -> bool:
        """Whether the target said nothing any more before it was up, which is told and exit 1."""
        return self.process.returncode == 1 and "[PL-LINK-LOST]" in self.stderr

    def events(self) -> list[dict[str, Any]]:
        """Return the lines of --json."""
        return [json.loads(line) for line in list(self.lines) if line.endswith("\n")]

    def blocked(self) -> list[str]:
        """Return what held the loop up after the lies began."""
        if not self.has("began"):
            return []
        began = float(self.read("began"))
        rows = self.read("blocked").splitlines()
        return [row for row in rows if float(row.split()[0]) > began]

    def log(self) -> str:
        """Return the session's log."""
        files = glob.glob(self._path("state", "port-linker", "session-*"))
        return "".join(read(path) for path in files)

    def read(self, name: str) -> str:
        """Return a file of the folder, "" if it is not there."""
        return read(self._path(name))

    def _path(self, *names: str) -> str:
        return os.path.join(self.folder, *names)

    def tell(self) -> str:
        """Return what was seen, for a failed test."""
        code = self.process.poll()
        rest = [*self.lines[-10:], self.stderr[-3000:], self.read("broken"), f"exit code {code}"]
        return "\n".join(line[:2000] for line in rest)

    # Its end

    def end(self) -> None:
        """Ask the program to end, and wait for that."""
        if not self.is_over:
            self.process.terminate()
        try:
            self.process.wait(ENDS_IN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"it does not end\n{self.tell()}") from None
        for reader in self._readers:
            reader.join(5)

    def judge(self, in_time: bool = True, memory_bytes: int = MEMORY_BYTES) -> None:
        """End it, and hold it against what a target must not be able to do.

        in_time: whether its loop was free; drawing a table is another matter.
        memory_bytes: that it may take over a quiet session.
        """
        grown = self.status("VmHWM") - (self.needs.memory_bytes if self.needs else 0)
        self.end()
        assert not self.has("broken"), self.read("broken")
        told = f"{self.tell()}\n{self.log()[-3000:]}"
        assert "Traceback" not in self.stderr, told
        assert "Traceback" not in self.log(), self.log()[self.log().find("Traceback") - 500 :][
            :6000
        ]
        assert not in_time or not self.blocked(), "\n".join(self.blocked()[-10:])
        assert self.process.returncode in (3, 6, -15, 143) or self.was_left, told
        assert len(self.stderr.strip().splitlines()) <= 4, self.stderr[:3000]
        assert grown < memory_bytes, f"{grown >> 20} MB more than a quiet session"


def read(path: str) -> str:
    """Return a file's text, "" if it is not there."""
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""
