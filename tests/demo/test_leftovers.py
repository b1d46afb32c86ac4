"""What a demo left is found by its mark and ended, stubborn processes too."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator

import pytest

from port_linker.demo import leftovers
from port_linker.demo.leftovers import MARK, end_marked, find_marked

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)\n"
    "time.sleep(60)"
)
PLAIN = "import time; print(1, flush=True); time.sleep(60)"


@pytest.fixture
def name() -> Iterator[str]:
    made = secrets.token_hex(8)
    yield made
    end_marked(made)


def start(name: str, code: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, MARK: name}, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    return process


@pytest.mark.parametrize("code", [PLAIN, STUBBORN])
def test_marked_processes_end_and_others_stay(
    name: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "GRACE_S", 0.1)
    ours, other = start(name, code), start(name + "x", PLAIN)
    assert find_marked(name) == [ours.pid]
    assert end_marked(name)
    assert ours.wait(5) < 0
    assert other.poll() is None
    assert end_marked(name + "x")
    other.wait(5)


def test_what_will_not_die_is_left_in_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "LIMIT_S", 0.05)
    monkeypatch.setattr(leftovers, "find_marked", lambda _name: [2**22 + 1])  # above every pid
    assert not end_marked(name)


def test_we_ourselves_do_not_count(name: str) -> None:
    code = f"from port_linker.demo.leftovers import find_marked; print(find_marked({name!r}))"
    process = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, MARK: name},
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout == "[]\n"
