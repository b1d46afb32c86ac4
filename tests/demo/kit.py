"""Processes of a demo as a test sees them: started with a mark of the test's own, and counted."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.lab.hosts import PROGRAM

TEST_MARK = "PORT_LINKER_TEST_MARK"


class Demo:
    """A running `port-linker demo` with a state folder of its own."""

    def __init__(
        self,
        state: Path,
        *words: str,
        **env: str,
    ) -> None:
        self.mark = secrets.token_hex(8)
        own = {TEST_MARK: self.mark, "XDG_STATE_HOME": str(state)}
        self.state = state
        self.process = subprocess.Popen(
            [PROGRAM, "demo", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **own, **env},
            start_new_session=True,
        )

    def finish(self, timeout_s: float = 30) -> tuple[int, str, str]:
        """Return exit code, stdout and stderr once it has ended by itself."""
        out, err = self.process.communicate(timeout=timeout_s)
        return self.process.returncode, out.decode(), err.decode()

    def read_step(self, name: str) -> dict[str, Any]:
        """Return the event of a step, with --json."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: dict[str, Any] = json.loads(line)
            if event.get("event") == "demo" and event["step"] == name:
                return event
        raise AssertionError(f"no step {name}; {self.finish()}")

    def pids(self) -> list[int]:
        """Return what runs of it: the demo, its target, shells and agents."""
        return marked(f"{TEST_MARK}={self.mark}")


def marked(pair: str) -> list[int]:
    """Return the live processes with NAME=VALUE in their environment."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                data = Path(f"/proc/{entry}/environ").read_bytes()
            except OSError:
                continue
            if pair.encode() in data.split(b"\0"):
                found.append(int(entry))
    return found


def module(name: str, *words: str) -> list[str]:
    """Return the command that runs a module of the demo."""
    return [sys.executable, "-P", "-m", f"port_linker.demo.{name}", *words]
