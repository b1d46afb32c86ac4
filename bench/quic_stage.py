"""The stage of the QUIC rows: the same two hosts, port-linker over QUIC, and the Rust loads."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

import psutil
from tests.lab.pair import Pair
from tests.lab.program import PortLinker
from tests.lab.quic import host_sidecars, target_sidecars, wait_carried, wait_quic

from bench import tools
from bench.stage import Stage

PORTS = {"sink": 7001, "source": 7002, "echo": 7003}
UP_S = 30.0  # on a slow lossy path the executable takes its time to get there


class QuicStage(Stage):
    """serve() starts Rust servers; link() waits until QUIC carries their ports."""

    def serve(self, role: str, port: int) -> None:
        process = self.lab.target.start(tools.LOAD, role, str(port), stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        self.ports.append(port)

    def link(self, *words: str) -> PortLinker:
        program = super().link("--link", "quic", *words)
        wait_quic(program, "up", timeout_s=UP_S)
        for port in self.ports:
            wait_carried(self.lab, port, timeout_s=UP_S)
        return program

    def load(self, verb: str, way: str, port: int, *words: object, timeout_s: float = 120) -> Any:
        """Run a load on the host to its end; return the object it prints."""
        command = [tools.LOAD, verb, *self.address(way, port), *map(str, words)]
        return json.loads(self.lab.host.run(*command, timeout_s=timeout_s))

    def begin(self, verb: str, way: str, port: int, *words: object) -> subprocess.Popen[bytes]:
        """Start a load on the host beside others."""
        command = [tools.LOAD, verb, *self.address(way, port), *map(str, words)]
        pipe = subprocess.PIPE
        return self.lab.host.start(*command, stdin=pipe, stdout=pipe)

    def sidecars(self) -> list[psutil.Process]:
        """Return the host's and the target's sidecar."""
        pids = [*host_sidecars(self.lab), *target_sidecars(self.lab)]
        return [psutil.Process(pid) for pid in pids]


def finish(process: subprocess.Popen[bytes], timeout_s: float = 120) -> Any:
    """Return the object that a load prints, once it has ended."""
    out, _ = process.communicate(timeout=timeout_s)
    assert process.returncode == 0, "a load failed"
    return json.loads(out)


@contextlib.contextmanager
def quic_stage(
    roles: Sequence[str], pair: Pair | None = None, beside: bool = True
) -> Iterator[QuicStage]:
    """Make a stage with these servers (keys of PORTS), QUIC up, ssh -L beside it if wanted."""
    made = QuicStage(pair)
    try:
        for role in roles:
            made.serve(role, PORTS[role])
        made.link()
        if beside:
            made.forward()
        yield made
    finally:
        made.close()
