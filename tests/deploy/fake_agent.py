"""A tiny agent for tests of the channel: keeps the contract with the attacher, echoes bytes.

It is packed as port_linker.agent.__main__ of a bundle. What it is told to do is the version of the
start message, if that is a JSON object: {"crash": "start"|"attach"|"after"} ends it by SIGKILL,
and {"note": PATH} makes it write a line of JSON per event to a file. On the channel: b"!bye\n" ends
it as a goodbye, b"!die\n" by SIGKILL, b"!stop\n" stops it.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import select
import signal
import socket
import sys
from typing import Any


def receive(sock: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return the next line's object and the descriptors that came with it."""
    fds: list[int] = []
    line = b""
    while not line.endswith(b"\n"):
        data, more, _flags, _addr = socket.recv_fds(sock, 1, 8)
        if not data:
            sys.exit(0)
        line += data
        fds += more
    return json.loads(line), fds


def send(sock: socket.socket, **message: Any) -> None:
    """Send one line."""
    with contextlib.suppress(OSError):
        sock.sendall(json.dumps(message).encode() + b"\n")


class Fake:
    """The agent."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        message, _ = receive(control)
        self.start = message["start"]
        version = self.start["version"]
        self.options = json.loads(version) if version.startswith("{") else {"lease": 10}
        self.fds: list[int] = []
        self.sync = ""
        self.listener: socket.socket | None = None

    def note(self, **event: Any) -> None:
        """Write down what happened."""
        if "note" in self.options:
            with open(self.options["note"], "a") as file:
                file.write(json.dumps({"pid": os.getpid(), **event}) + "\n")

    def crash(self, where: str) -> None:
        """Die here if told so."""
        if self.options.get("crash") == where:
            sys.stderr.write("fake crash at " + where + "\n")
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    def listen(self) -> None:
        """Open the way back in."""
        address = self.start["sockets"][0]
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if address.startswith("@"):
            address = "\0" + address[1:]
        elif os.path.exists(address):
            os.unlink(address)
        self.listener.bind(address)
        self.listener.listen()

    def admit(self, control: socket.socket) -> None:
        """Take a channel from an attacher, or refuse it."""
        message, fds = receive(control)
        attach = message["attach"]
        for key in ("token", "version"):
            if not hmac.compare_digest(attach[key], self.start[key]):
                send(control, refused=key)
                control.close()
                return
        if self.fds:
            send(self.control, bye="moved")
            self.leave()
        self.control, self.fds, self.sync = control, fds, attach["sync"]
        self.crash("attach")
        self.note(event="attached", host=attach["host"], sync=attach["sync"])
        send(control, attached={"pid": os.getpid()})
        self.crash("after")

    def leave(self) -> None:
        """Let go of the channel."""
        for fd in self.fds:
            os.close(fd)
        self.fds = []
        self.control.close()

    def run(self) -> None:
        """Serve until told to end, or nobody came for the time of the lease."""
        self.crash("start")
        self.note(
            event="start",
            argv=sys.argv,
            sid=os.getsid(0),
            cwd=os.getcwd(),
            fds=[os.readlink(f"/proc/self/fd/{fd}") for fd in range(32) if is_open(fd)],
            start=self.start,
        )
        self.listen()
        self.admit(self.control)
        while True:
            waiting: list[Any] = [*self.fds[:1], self.listener]
            ready = select.select(waiting, [], [], self.options.get("lease", 20))[0]
            if not ready:
                return
            if self.listener in ready and self.listener is not None:
                self.admit(self.listener.accept()[0])
            elif self.fds:
                self.echo()

    def echo(self) -> None:
        """Do what the channel says."""
        data = os.read(self.fds[0], 65536)
        if not data:
            self.leave()
        elif data == b"!bye\n":
            send(self.control, bye="closed")
            sys.exit(0)
        elif data == b"!die\n":
            os.kill(os.getpid(), signal.SIGKILL)
        elif data == b"!stop\n":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif data == b"!who\n":
            os.write(self.fds[1], f"{os.getpid()} {self.sync}\n".encode())
        else:
            os.write(self.fds[1], data)


def is_open(fd: int) -> bool:
    """Whether a descriptor is open here."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def main() -> int:
    """Run as the bundle's entry point."""
    control = socket.socket(fileno=int(sys.argv[sys.argv.index("--control-fd") + 1]))
    control.set_inheritable(False)
    Fake(control).run()
    return 0
