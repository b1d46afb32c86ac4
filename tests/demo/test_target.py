"""The target's process: orders and answers, and its end when nobody gives orders any more."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from port_linker.demo.free import hold_ports
from port_linker.demo.leftovers import MARK
from port_linker.demo.services import PORT_NAMES
from tests.demo.kit import marked, module
from tests.lab.shell import wait_until


class Target:
    def __init__(self, mode: str, *words: str) -> None:
        pipe = subprocess.PIPE
        command = module("target", mode, *words)
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe)

    def order(self, text: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def close(self) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        code = self.process.wait(10)
        self.process.stdout.close()
        return code


@pytest.fixture
def ports() -> Iterator[str]:
    held = hold_ports(len(PORT_NAMES))
    yield ",".join(map(str, held.ports))
    held.close()


def test_it_is_ready_obeys_and_ends_with_its_stdin(ports: str) -> None:
    target = Target("loopback", ports)
    ready = target.answer()
    assert (ready["host"], ready["pid"]) == ("127.77.0.1", target.process.pid)
    assert target.order("start late")["at_s"] > 0
    assert "error" in target.order("start late")
    assert target.order("stop late")["at_s"] > 0
    with open(f"/proc/{target.process.pid}/comm") as file:
        assert file.read() == "demo-target\n"
    assert target.close() == 0


def test_it_takes_what_the_demo_left_along(ports: str) -> None:
    target = Target("loopback", ports)
    name = target.answer()["name"]
    shell = module("join", str(target.process.pid), name)
    joined = subprocess.Popen(shell, stdin=subprocess.PIPE)
    assert joined.stdin is not None
    joined.stdin.write(b"(trap '' HUP TERM; sleep 60) &\n")
    joined.stdin.flush()
    wait_until(lambda: len(marked(f"{MARK}={name}")) >= 2, "the shell runs what it was told")
    assert target.close() == 0
    joined.wait(5)
    joined.stdin.close()
    assert marked(f"{MARK}={name}") == []


def test_a_taken_port_is_told(ports: str) -> None:
    first = Target("loopback", ports)
    first.answer()
    second = Target("loopback", ports)
    assert "in use" in second.answer()["error"]
    assert second.close() == 1
    assert first.close() == 0


def test_it_ends_when_its_parent_is_killed(ports: str) -> None:
    mark = secrets.token_hex(8)
    command = module("target", "loopback", ports)
    code = (
        "import subprocess, sys, time; p = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)\n"
        "time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, *command],
        env={**os.environ, "TEST_MARK": mark},
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    assert b"pid" in parent.stdout.readline()
    parent.send_signal(signal.SIGKILL)
    parent.wait(5)
    parent.stdout.close()
    wait_until(lambda: not marked(f"TEST_MARK={mark}"), "the target has ended")
