"""Finding the agent that runs, with a real agent process (a fake one that keeps the contract)."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from port_linker.deploy import cache, opener
from port_linker.deploy.opener import Opener
from port_linker.deploy.supply import Supply
from tests.deploy.conftest import MakeRig
from tests.deploy.rig import AGENT, is_alive, make_header
from tests.lab.shell import wait_until


@pytest.fixture
def base(tmp_path: Path) -> list[str]:
    return [str(tmp_path / "port-linker")]


def read_notes(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_agent_is_found_again_with_what_it_knew(
    base: list[str], make_rig: MakeRig, tmp_path: Path
) -> None:
    first = make_rig()
    note = tmp_path / "note"
    version = json.dumps({"note": str(note)})
    pid = first.open(make_header(base, version=version))["pid"]
    first.hang_up()
    second = make_rig()
    header = make_header(base, resume=True, host="h2", sync="cd" * 16, version=version)
    reply = second.open(header)
    assert reply == {"agent": "resumed", "pid": pid}
    assert second.ask(b"!who\n") == f"{pid} {'cd' * 16}\n".encode()
    assert read_notes(note)[-1]["host"] == "h2"
    os.kill(pid, signal.SIGKILL)  # it is not our child, and is replaced all the same
    assert second.error_reply()["agent"] == "restarted"


def test_a_second_attacher_takes_the_agent_over(base: list[str], make_rig: MakeRig) -> None:
    first = make_rig()
    pid = first.open(make_header(base))["pid"]
    second = make_rig()
    assert second.open(make_header(base, resume=True)) == {"agent": "resumed", "pid": pid}
    assert first.wait() == 0
    assert second.ask(b"x\n") == b"x\n"


def test_without_a_running_agent_a_new_one_is_started(base: list[str], make_rig: MakeRig) -> None:
    assert make_rig().open(make_header(base, resume=True))["agent"] == "started"


def test_a_wrong_token_is_refused_and_the_agent_lives(base: list[str], make_rig: MakeRig) -> None:
    first = make_rig()
    pid = first.open(make_header(base))["pid"]
    second = make_rig()
    reply = second.open(make_header(base, resume=True, token="bad"))
    assert reply == {"error": "refused", "detail": "token"}
    assert second.wait() == 1
    assert is_alive(pid)
    assert first.ask(b"still\n") == b"still\n"


def test_an_agent_of_another_version_is_replaced(base: list[str], make_rig: MakeRig) -> None:
    first = make_rig()
    pid = first.open(make_header(base))["pid"]
    first.hang_up()
    second = make_rig()
    reply = second.open(make_header(base, resume=True, version="0.2.0"))
    assert reply["agent"] == "started"
    wait_until(lambda: not is_alive(pid), "the old agent is gone")


def test_an_agent_that_hangs_is_replaced_by_the_newer_attacher_alone(
    base: list[str], make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older attacher's channel may be dead without knowing; it must not start another agent."""
    monkeypatch.setattr(opener, "RESUME_LIMIT_S", 0.1)
    first = make_rig()
    pid = first.open(make_header(base))["pid"]
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: ") T " in Path(f"/proc/{pid}/stat").read_text(), "the agent stands still")
    second = make_rig()
    assert second.open(make_header(base, resume=True))["agent"] == "started"
    assert first.wait() == 0
    assert first.stderr.read() == b""
    assert not is_alive(pid)
    assert second.ask(b"hello\n") == b"hello\n"


class Stranger:
    """Credentials of another user, whoever connects."""

    size = opener.UCRED.size

    def unpack(self, _data: bytes) -> tuple[int, int, int]:
        return (1, 4242, 4242)


def test_an_agent_of_another_user_is_not_spoken_to(
    base: list[str], make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger may take the abstract name; he must not learn the token."""
    stranger = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stranger.bind("\0" + cache.socket_path(None, AGENT)[1:])
    stranger.listen()
    monkeypatch.setattr(opener, "UCRED", Stranger())
    reply = make_rig().open(make_header(base, resume=True))
    assert reply["agent"] == "started"
    heard, _ = stranger.accept()
    assert heard.recv(100) == b""
    heard.close()
    stranger.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_an_agent_is_found_behind_a_name_that_another_user_took(
    base: list[str],
) -> None:
    header = make_header(base, token="70cce4", resume=True)
    first = cache.socket_path(None, AGENT)
    second = cache.spare_names(AGENT, "70cce4")[0]
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as squatter,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent,
    ):
        squatter.bind("\0" + first[1:])
        os.seteuid(4242)  # whose name it is, the kernel tells by who listens
        try:
            squatter.listen()
        finally:
            os.seteuid(0)
        agent.bind("\0" + second[1:])
        agent.listen()
        found = Opener(header, Supply(header), (0, 1, 2)).find_agent()
        assert found is not None
        agent.accept()[0].close()
        heard, _ = squatter.accept()
        with heard:
            assert heard.recv(100) == b"", "not a word"
        found.close()
