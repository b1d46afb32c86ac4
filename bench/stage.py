"""Where measurements take place: two hosts, port-linker between them, ssh -L beside it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

import psutil
from tests.lab.hosts import PROGRAM, TARGET4, TwoHosts
from tests.lab.netns import Namespace
from tests.lab.pair import Pair
from tests.lab.probe import the_agent
from tests.lab.program import PortLinker
from tests.lab.shell import wait_until

TRAFFIC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "traffic.py")
PYTHON = [sys.executable, "-I", "-S", TRAFFIC]
SSH_OFFSET = 10_000  # port P of the target is P + this through ssh -L

OURS, SSH, RAW = "port-linker", "ssh -L", "raw"


class Stage:
    """Two hosts with traffic on the target, port-linker up, and ssh -L to the same ports."""

    def __init__(self, pair: Pair | None = None) -> None:
        self.lab = TwoHosts(pair)
        self.ports: list[int] = []
        self.programs: list[PortLinker] = []
        self.program = PROGRAM  # the build that link() starts

    def serve(self, role: str, port: int) -> None:
        """Start a server of traffic.py on the target."""
        process = self.lab.target.start(*PYTHON, role, str(port), stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        self.ports.append(port)

    def link(self, *words: str) -> PortLinker:
        """Start port-linker and wait until it is up and has the ports."""
        program = PortLinker(self.lab, "target", *words, program=self.program)
        self.programs.append(program)
        program.wait_session("up")
        for port in self.ports:
            program.wait_service(port)
        return program

    def unlink(self) -> None:
        """End every port-linker."""
        for program in self.programs:
            program.stop()
        self.programs.clear()

    def plain(self) -> psutil.Process:
        """Start port-linker as a person without a terminal would; return its process."""
        process = self.lab.start(PROGRAM, "target", "--plain")
        for port in self.ports:
            wait_until(lambda port=port: self.is_open(port), f"{port} is open")  # type: ignore[misc]
        return psutil.Process(process.pid)

    def forward(self) -> None:
        """Start ssh -L for every port, with ssh's usual settings."""
        words = [f"-L{port + SSH_OFFSET}:127.0.0.1:{port}" for port in self.ports]
        self.lab.start("ssh", "-N", *words, "target")
        for port in self.ports:
            wait_until(lambda port=port: self.is_open(port + SSH_OFFSET), f"ssh -L {port}")  # type: ignore[misc]

    def is_open(self, port: int) -> bool:
        """Whether the host's localhost takes connections on a port."""
        try:
            self.lab.connect(port).close()
        except OSError:
            return False
        return True

    def address(self, way: str, port: int) -> tuple[str, str]:
        """Return where a client on the host finds a port of the target."""
        if way == RAW:
            return TARGET4, str(port)
        return "127.0.0.1", str(port + SSH_OFFSET if way == SSH else port)

    def client(self, role: str, way: str, port: int, *words: str, timeout_s: float = 120) -> str:
        """Run a client of traffic.py on the host and return what it prints."""
        return run_traffic(
            self.lab.host, role, *self.address(way, port), *words, timeout_s=timeout_s
        )

    def ping(self, way: str, port: int, count: int) -> list[float]:
        """Return the seconds of `count` short connections."""
        found: list[float] = json.loads(self.client("ping", way, port, str(count)))
        return found

    def agent(self) -> psutil.Process:
        """Return the agent's process."""
        return psutil.Process(the_agent(self.lab))

    def close(self) -> None:
        """End it all."""
        self.unlink()
        self.lab.close()


def run_traffic(namespace: Namespace, *words: str, timeout_s: float) -> str:
    """Run a role of traffic.py in a namespace to its end."""
    return namespace.run(*PYTHON, *words, timeout_s=timeout_s).strip()


@contextlib.contextmanager
def stage(roles: Sequence[tuple[str, int]] = (), pair: Pair | None = None) -> Iterator[Stage]:
    """Make a stage with these servers, and take it down after use."""
    made = Stage(pair)
    try:
        for role, port in roles:
            made.serve(role, port)
        yield made
    finally:
        made.close()


def rss_mb(process: psutil.Process) -> float:
    """Return the resident memory in MB (10^6 bytes)."""
    return float(process.memory_info().rss) / 1e6


def cpu_share(process: psutil.Process, seconds: float) -> float:
    """Return the share of one core that a process uses over some seconds."""
    before = process.cpu_times()
    process.cpu_percent(None)
    with contextlib.suppress(psutil.TimeoutExpired):
        process.wait(seconds)
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / seconds
