"""The Rust tools of measurement, the WAN emulator and the loads; built when missing."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

from tests.lab.hosts import REPOSITORY, TARGET4
from tests.lab.pair import DEVICE, HOST4, HOST6, TARGET6, Pair
from tests.lab.shell import LabError, end_process

BUILT = os.path.join(REPOSITORY, "target", "release")
WAN = os.path.join(BUILT, "port-linker-wan")
LOAD = os.path.join(BUILT, "port-linker-load")


def build() -> None:
    """Bring both programs up to date; cargo does nothing when they are."""
    command = ["cargo", "build", "--release", "--locked", "--quiet"]
    packages = ["--package", "port-linker-wan", "--package", "port-linker-perf"]
    try:
        subprocess.run([*command, *packages], cwd=REPOSITORY, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise LabError(f"the tools were not built: {error}") from error


class Wan:
    """The wire of a Pair(wire=False): crates/wan between the two namespaces."""

    def __init__(self, pair: Pair, *commands: str) -> None:
        ends = [("a", pair.host, HOST4, HOST6), ("b", pair.target, TARGET4, TARGET6)]
        words = [WAN]
        for letter, namespace, address4, address6 in ends:
            words += [f"--{letter}-ns", namespace.path, f"--{letter}-dev", DEVICE]
            words += [f"--{letter}-ip", address4, f"--{letter}-ip6", address6]
        for command in commands:
            words += ["--set", command]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(words, stdin=pipe, stdout=pipe)
        self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise LabError("the WAN emulator ended")
        return json.loads(line)

    def say(self, command: str) -> Any:
        """Give one command of crates/wan/src/command.rs; return what it answers."""
        assert self.process.stdin is not None
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the emulator; the devices go with it."""
        end_process(self.process)


@contextlib.contextmanager
def wan_pair(*commands: str) -> Iterator[tuple[Pair, Wan]]:
    """Make two namespaces with the emulated WAN between them. The pair is closed by its user."""
    pair = Pair(wire=False)
    try:
        wan = Wan(pair, *commands)
    except BaseException:
        pair.close()
        raise
    try:
        yield pair, wan
    finally:
        wan.close()


def path_commands(trip_ms: float, mbit_s: float, loss: float, queue_s: float) -> list[str]:
    """Return the commands that make a path: loss a share each way, the queue in seconds of rate."""
    queue = int(mbit_s * 1e6 / 8 * queue_s)
    return [
        f"both delay {trip_ms / 2}ms",
        f"both rate {mbit_s}M",
        f"both queue {queue}",
        f"both loss {loss}",
    ]
