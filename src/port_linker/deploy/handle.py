"""A running agent as its attacher sees it. Runs on the target; Python 3.9.

Sent as source text in front of attacher.py (see bundle.py), so it imports nothing of ours.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import select
import signal
import socket
import time

TYPE_CHECKING = False  # importing typing would cost 3 ms of each start
if TYPE_CHECKING:
    from typing import Any

MAX_LINE_BYTES = 64 << 10
MAX_STDERR_BYTES = 64 << 10  # of one agent's words that are passed on


class AttachError(Exception):
    """The agent cannot be given the channel; code and detail go to the host."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


class Agent:
    """A running agent, seen through its control socket."""

    def __init__(self, control: socket.socket, pid: int, stderr: int | None = None) -> None:
        self.control = control
        self.pid = pid
        self.stderr = stderr  # a pipe from an agent that we started
        self._said = b""
        self._stderr_left = MAX_STDERR_BYTES
        self._buffer = b""

    def send(self, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
        """Send one line, with descriptors. Raises OSError."""
        line = json.dumps(message).encode() + b"\n"
        extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = self.control.sendmsg([line], extra)
        if sent < len(line):  # never an empty send: the agent may have answered and closed
            self.control.sendall(line[sent:])

    def receive(self, limit_s: float) -> dict[str, Any] | None:
        """Return the next line's object, None at the end. Raises OSError past the time limit."""
        until = time.monotonic() + limit_s
        while b"\n" not in self._buffer:
            if len(self._buffer) > MAX_LINE_BYTES:
                raise AttachError("agent-protocol", "a line without end")
            self.control.settimeout(max(0.001, until - time.monotonic()))
            data = self.control.recv(MAX_LINE_BYTES)
            if not data:
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        message = json.loads(line.decode("utf-8", "replace"))
        if not isinstance(message, dict):
            raise AttachError("agent-protocol", "not an object")
        return message

    def receive_word(self) -> str:
        """Return "bye" if the agent says goodbye, "end" if it died, "" for anything else."""
        try:
            message = self.receive(1.0)
            while message is not None and "bye" not in message and b"\n" in self._buffer:
                message = self.receive(1.0)
        except (OSError, ValueError, AttachError):
            return "end"
        if message is None:
            return "end"
        return "bye" if "bye" in message else ""

    def last_words(self) -> str:
        """Return the last line that it said on stderr."""
        text = self._said.decode("utf-8", "replace").strip()
        return text.rpartition("\n")[2][:500]

    def drain_stderr(self, to: int) -> None:
        """Pass on the last words of an agent that died."""
        while self.stderr is not None and select.select([self.stderr], [], [], 0.1)[0]:
            self.relay_stderr(to)

    def relay_stderr(self, to: int) -> None:
        """Pass on what a new agent says on stderr, up to a limit."""
        if self.stderr is None:
            return
        data = os.read(self.stderr, 4096)
        if not data:
            os.close(self.stderr)
            self.stderr = None
        self._said = (self._said + data)[-4096:]
        if self._stderr_left > 0:
            self._stderr_left -= len(data)
            with contextlib.suppress(OSError):
                os.write(to, data)

    def close(self) -> None:
        """Let go of the agent, which goes on, and collect it if it ended."""
        self.control.close()
        if self.stderr is not None:
            os.close(self.stderr)
            self.stderr = None
        if self.pid > 0:  # 0: a process of another pid namespace; waitpid(0) takes any child's end
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)

    def kill(self) -> None:
        """End an agent that does not do its work."""
        if self.pid > 0:
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
        self.close()


def spawn(argv: list[str], actions: list[Any]) -> int:
    """Start a process as leader of its own session and return its pid."""
    try:
        return os.posix_spawn(argv[0], argv, os.environ, file_actions=actions, setsid=True)
    except NotImplementedError:  # a C library older than 2018; the agent calls setsid itself
        return os.posix_spawn(argv[0], argv, os.environ, file_actions=actions)
