"""What the tests of this room share: the fake agent's bundle, an attacher in a thread."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

from port_linker.deploy.attacher import Attacher
from port_linker.deploy.bundle import pack_bundle

LIMIT_S = 15.0


FAKE_SOURCES = {
    "port_linker": "",
    "port_linker.agent": "",
    "port_linker.agent.__main__": Path(__file__).with_name("fake_agent.py").read_text(),
}
FAKE = pack_bundle(FAKE_SOURCES)  # a bundle whose agent is fake_agent.py
SYNC = "ab" * 16
AGENT = f"{os.getpid():08x}"  # abstract names are seen by the tests in other processes


def make_header(directories: list[str], **changes: Any) -> dict[str, Any]:
    """Return a good header for the fake agent."""
    return {
        "v": 1,
        "version": "0.1.0",
        "agent": AGENT,
        "token": "70cce4",
        "sync": SYNC,
        "host": "h1",
        "resume": False,
        "dirs": directories,
        "digest": FAKE.digest,
        "size": len(FAKE.data),
        "lease": [60, 5],
        **changes,
    }


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


class AttacherRig:
    """An attacher in a thread, and the host's end of its channel."""

    def __init__(self) -> None:
        self.sock, self._theirs = socket.socketpair()
        self.sock.settimeout(LIMIT_S)
        err_read, self._err_fd = os.pipe()
        self.stderr = os.fdopen(err_read, "rb")
        self._in = self.sock.makefile("rb")
        fd = self._theirs.fileno()
        self.attacher = Attacher(fd, fd, self._err_fd)
        self.status: int | None = None
        self.agents: list[int] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.status = self.attacher.run()
        self._theirs.close()
        os.close(self._err_fd)

    def send_header(self, header: dict[str, Any]) -> None:
        """Send the header line."""
        self.sock.sendall(json.dumps(header).encode() + b"\n")

    def reply(self) -> dict[str, Any]:
        """Return the attacher's next answer on stdout."""
        return self._parse(self._in.readline())

    def error_reply(self) -> dict[str, Any]:
        """Return the attacher's next answer on stderr, past the agent's words."""
        while True:
            line = self.stderr.readline()
            assert line, "the attacher ended"
            if line.startswith(b"PL1 "):
                return self._parse(line)

    def _parse(self, line: bytes) -> dict[str, Any]:
        assert line.startswith(b"PL1 "), line
        message: dict[str, Any] = json.loads(line[4:])
        if "pid" in message:
            self.agents.append(message["pid"])
        return message

    def open(self, header: dict[str, Any]) -> dict[str, Any]:
        """Send the header, and the bundle if asked for; return the last answer."""
        self.send_header(header)
        reply = self.reply()
        if reply == {"need": "bundle"}:
            self.sock.sendall(FAKE.data)
            reply = self.reply()
        return reply

    def ask(self, data: bytes) -> bytes:
        """Send a line to the agent and return its answer."""
        self.sock.sendall(data)
        return self._in.readline()

    def wait(self) -> int:
        """Return the attacher's exit status at its end."""
        self._thread.join(LIMIT_S)
        assert self.status is not None, "the attacher did not end"
        return self.status

    def hang_up(self) -> int:
        """End the channel as ssh does when the network goes; return the exit status."""
        self._in.close()
        self.sock.close()
        return self.wait()

    def close(self) -> None:
        """End everything that the rig started."""
        self._in.close()
        self.sock.close()  # before its agent dies: an attacher that has a channel starts another
        for pid in self.agents:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self._thread.join(LIMIT_S)
        self.stderr.close()
