"""Network namespaces: one is one machine's network. Sockets can be made in it from here."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from typing import IO, Any, TypeVar

from tests.lab.shell import LabError, end_process, run, wait_until

T = TypeVar("T")
Socket = socket.socket
CLONE_NEWNET = 0x40000000  # linux/sched.h
NAMES = re.compile(r"^pl-(\d+)-(\d+)-[a-z]+$")  # pl-PID-NUMBER-ROLE
RUN_DIR = "/run/netns"


_numbers = itertools.count(1)


def next_number() -> int:
    """Return a number that nothing of the lab in this process has yet."""
    return next(_numbers)


class Namespace:
    """One machine's network. close() ends every process in it and removes it.

    pid: stand for the network that this process (a container's first) has, instead of a new one.
    """

    def __init__(self, role: str, number: int, pid: int | None = None) -> None:
        self.name = f"pl-{os.getpid()}-{number}-{role}"
        self.processes: list[subprocess.Popen[bytes]] = []
        if pid is None:
            run("ip", "netns", "add", self.name)
        else:
            run("ip", "netns", "attach", self.name, str(pid))
        run("ip", "-n", self.name, "link", "set", "lo", "up")

    @property
    def path(self) -> str:
        """The file that stands for the namespace."""
        return f"{RUN_DIR}/{self.name}"

    def command(self, *words: str) -> list[str]:
        """Return the command that runs these words inside; the pid stays that of the child."""
        return ["nsenter", f"--net={self.path}", "--", *words]

    def run(self, *words: str, **options: Any) -> str:
        """Run a command inside to its end; see shell.run."""
        return run(*self.command(*words), **options)

    def ip(self, *words: str) -> str:
        """Run `ip` for this namespace."""
        return run("ip", "-n", self.name, *words)

    def sysctl(self, name: str, value: str) -> None:
        """Set a kernel setting of this namespace, "net.ipv4.ip_local_port_range"."""
        self.run("sysctl", "-q", "-w", f"{name}={value}")

    def start(
        self,
        *words: str,
        stdin: int | IO[bytes] | None = subprocess.DEVNULL,
        stdout: int | IO[bytes] | None = subprocess.DEVNULL,
        stderr: int | IO[bytes] | None = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a process inside; close() ends it at the latest."""
        process = subprocess.Popen(
            self.command(*words),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def call(self, function: Callable[[], T]) -> T:
        """Return function() as called by a thread that is inside; sockets it makes stay inside."""
        results: list[T] = []
        errors: list[BaseException] = []

        def body() -> None:
            try:
                enter_namespace(self.path)
                results.append(function())
            except BaseException as error:  # noqa: BLE001 - handed to the caller below
                errors.append(error)

        thread = threading.Thread(target=body, name=f"in {self.name}")
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
        return results[0]

    def socket(self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> Socket:
        """Return a new socket of this namespace."""
        return self.call(lambda: socket.socket(family, kind))

    def listen(self, host: str, port: int, backlog: int = 1024) -> Socket:
        """Return a listening TCP socket; for "::" it takes IPv4 as well, as most programs do."""
        sock = self.socket(family_of(host))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if host == "::":
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind((host, port))
        sock.listen(backlog)
        return sock

    def bind_udp(self, host: str, port: int) -> Socket:
        """Return a bound UDP socket."""
        sock = self.socket(family_of(host), socket.SOCK_DGRAM)
        sock.bind((host, port))
        return sock

    def connect(self, host: str, port: int, timeout_s: float | None = 10) -> Socket:
        """Return a TCP socket that is connected from inside."""
        sock = self.socket(family_of(host))
        sock.settimeout(timeout_s)
        try:
            sock.connect((host, port))
        except OSError:
            sock.close()
            raise
        return sock

    def pids(self) -> list[int]:
        """Return the processes inside; a thread of ours that only visited does not count."""
        return namespace_pids(self.name)

    def close(self) -> None:
        """End what runs inside, and remove the namespace."""
        for process in self.processes:
            end_process(process, grace_s=1)
        remove_namespace(self.name)


def family_of(host: str) -> int:
    """Return AF_INET6 for an address with a colon, else AF_INET."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def enter_namespace(path: str) -> None:
    """Move the calling thread into a network namespace. Python has os.setns from 3.12 on."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(descriptor, CLONE_NEWNET) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)
    finally:
        os.close(descriptor)


def namespace_pids(name: str) -> list[int]:
    """Return the pids in a namespace of the lab."""
    return [int(word) for word in run("ip", "netns", "pids", name, check=False).split()]


def remove_namespace(name: str) -> None:
    """Kill the processes in a namespace of the lab (all are ours) and delete it."""

    def empty() -> bool:
        pids = namespace_pids(name)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return all(is_zombie(pid) for pid in pids)

    wait_until(empty, f"{name} is empty", timeout_s=5)
    run("ip", "netns", "del", name, check=False)


def is_zombie(pid: int) -> bool:
    """Whether a process has ended (gone, or waiting for its parent to notice)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except OSError:
        return True


def remove_leftovers() -> list[str]:
    """Remove the namespaces of lab processes that are dead; return their names."""
    if not os.path.isdir(RUN_DIR):
        return []
    gone = []
    for name in sorted(os.listdir(RUN_DIR)):
        match = NAMES.match(name)
        if match and is_zombie(int(match[1])):
            remove_namespace(name)
            gone.append(name)
    return gone


def why_not() -> str | None:
    """Return why namespaces cannot be made here, or None if they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        probe = Namespace("probe", next_number())
    except LabError as error:
        return f"network namespaces do not work here: {error}"
    probe.close()
    return None
