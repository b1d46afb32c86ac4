"""The start of the agent's process."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
import sys
import threading
from typing import Any

import pytest

from port_linker.agent import __main__ as start
from tests.fakes.agent_rig import SYNC, TOKEN

START: dict[str, Any] = {
    "id": "a1",
    "token": TOKEN,
    "sockets": [],
    "lease": [60, 30],
}


@pytest.mark.parametrize("words", [[], ["agent"], ["--control-fd", "x"], ["--other", "3"]])
def test_it_is_not_started_by_hand(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert start.main(words) == 2
    assert "not by hand" in capsys.readouterr().err


@pytest.mark.parametrize("line", [b"", b"{}\n", b"nonsense\n", b'{"start": 1}\n'])
def test_without_a_start_message_it_ends_with_one_sentence(
    line: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = socket.socketpair()
    ours.sendall(line)
    ours.close()
    assert start.main(["--control-fd", str(theirs.detach())]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert "was not told what to do" in said


def test_a_started_agent_takes_the_channel_that_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "raise_descriptor_limit", lambda: None)
    monkeypatch.setattr("port_linker.agent.runner.TICK_S", 0.01)
    ours, theirs = socket.socketpair()
    channel, far = socket.socketpair()
    ours.sendall(json.dumps({"start": {**START, "lease": [0.2, 0.2]}}).encode() + b"\n")
    attach = json.dumps({"attach": {"token": TOKEN, "sync": SYNC, "host": "h"}}).encode() + b"\n"
    socket.send_fds(ours, [attach], [far.fileno(), far.fileno()])
    far.close()
    answers: list[Any] = []

    def hang_up_and_part() -> None:
        answers.append(ours.recv(1000))
        channel.close()
        answers.append(ours.recv(1000))

    reader = threading.Thread(target=hang_up_and_part)
    reader.start()
    assert start.main(["--control-fd", str(theirs.detach())]) == 0
    reader.join()
    assert b"attached" in answers[0]
    assert b"closed" in answers[1]
    ours.close()


def test_each_flow_takes_a_descriptor_so_the_limit_is_raised() -> None:
    program = (
        "import resource; from port_linker.agent.__main__ import raise_descriptor_limit;"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1];"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard));"
        "raise_descriptor_limit(); print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"True\n"


def test_a_limit_that_is_refused_is_lived_with(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("not allowed")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    start.raise_descriptor_limit()
