"""Questions that tests of the whole ask: who is the agent, is a port refused, what arrives."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterable

from tests.lab.hosts import TwoHosts
from tests.lab.netns import is_zombie
from tests.lab.payload import blocks
from tests.lab.shell import wait_until


def command_line(pid: int) -> str:
    """Return the words of a process, or "" when it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def agent_pids(lab: TwoHosts) -> list[int]:
    """Return the agents on the target, by their words; sidecars have a control descriptor too."""
    return [pid for pid in target_pids(lab) if " agent --control-fd" in command_line(pid)]


def target_pids(lab: TwoHosts) -> list[int]:
    """Return the living processes of the login user on the target (attacher, agent, shells)."""
    mine = []
    for pid in lab.target.pids():
        try:
            uid = os.stat(f"/proc/{pid}").st_uid
        except OSError:
            continue
        if uid == lab.user.uid and not is_zombie(pid):
            mine.append(pid)
    return mine


def the_agent(lab: TwoHosts) -> int:
    """Return the pid of the one agent."""
    (pid,) = wait_until(lambda: agent_pids(lab), "an agent runs")
    return pid


def ssh_pids(lab: TwoHosts) -> list[int]:
    """Return the ssh processes on the host."""
    return [
        pid
        for pid in lab.host.pids()
        if command_line(pid).startswith("/usr/bin/ssh ") and not is_zombie(pid)
    ]


def kill(pids: Iterable[int], sign: int = signal.SIGKILL) -> None:
    """Send a signal to processes of the lab."""
    for pid in pids:
        os.kill(pid, sign)


def is_refused(lab: TwoHosts, port: int, family: int = socket.AF_INET) -> bool:
    """Whether the host's localhost refuses a port."""
    try:
        lab.connect(port, family, 2).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        return False  # taken in the grace of a restarting service, then reset
    return False


def exchange(sock: socket.socket, data: bytes) -> bytes:
    """Send, and read as much as was sent: what an echo gives back."""
    sock.sendall(data)
    return read_exactly(sock, len(data))


def read_exactly(sock: socket.socket, size: int) -> bytes:
    """Read `size` bytes, or what comes before the end."""
    out = bytearray()
    while len(out) < size and (data := sock.recv(min(1 << 20, size - len(out)))):
        out += data
    return bytes(out)


def read_all(sock: socket.socket) -> bytes:
    """Read to the end."""
    out = bytearray()
    while data := sock.recv(1 << 20):
        out += data
    return bytes(out)


def read_digest(sock: socket.socket) -> tuple[int, str]:
    """Read to the end; return how many bytes came and their SHA-256."""
    whole, size = hashlib.sha256(), 0
    while data := sock.recv(1 << 20):
        whole.update(data)
        size += len(data)
    return size, whole.hexdigest()


class Sender(threading.Thread):
    """Sends the payload, then ends our direction. error: what stopped it, or None.

    A reset is told to one of the two threads of a socket only: the other one sees a plain end.
    """

    def __init__(self, sock: socket.socket, size: int, seed: int) -> None:
        super().__init__(name="sender", daemon=True)
        self.sock, self.size, self.seed = sock, size, seed
        self.error: OSError | None = None

    def run(self) -> None:
        """Send it all."""
        try:
            for block in blocks(self.size, self.seed):
                self.sock.sendall(block)
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            self.error = error


def send_blocks(sock: socket.socket, size: int, seed: int = 0) -> Sender:
    """Start to send the payload; join the thread to wait for its end."""
    sender = Sender(sock, size, seed)
    sender.start()
    return sender


def first_byte_s(lab: TwoHosts, port: int, begin: float, timeout_s: float = 5) -> float:
    """Connect until a byte comes from a service that greets; return the seconds since begin."""
    while True:
        try:
            with lab.connect(port, timeout_s=timeout_s) as sock:
                if sock.recv(1):
                    return time.monotonic() - begin
        except ConnectionError:
            pass
        if time.monotonic() - begin > timeout_s:
            raise AssertionError(f"nothing from port {port} within {timeout_s:g} s")
        time.sleep(0.002)
