"""A running agent as its attacher sees it."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from port_linker.deploy import handle
from port_linker.deploy.handle import Agent, AttachError


@pytest.fixture
def pair() -> tuple[Agent, socket.socket]:
    ours, theirs = socket.socketpair()
    return Agent(ours, 0), theirs


def test_lines_come_one_by_one_whatever_the_cut(pair: tuple[Agent, socket.socket]) -> None:
    agent, other = pair
    other.sendall(b'{"a":1}\n{"b":')
    assert agent.receive(1) == {"a": 1}
    other.sendall(b"2}\n{}\n")
    assert agent.receive(1) == {"b": 2}
    assert agent.receive(1) == {}
    other.close()
    assert agent.receive(1) is None
    agent.kill()  # pid 0 is a process of another namespace: nobody is hit


@pytest.mark.parametrize("data", [b"x" * (handle.MAX_LINE_BYTES + 1), b"[]\n"])
def test_what_is_no_message_is_an_error(pair: tuple[Agent, socket.socket], data: bytes) -> None:
    agent, other = pair
    other.sendall(data)
    with pytest.raises(AttachError):
        agent.receive(1)
    other.close()
    agent.close()


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b'{"bye":"closed"}\n', "bye"),
        (b'{"hm":1}\n{"bye":"closed"}\n', "bye"),
        (b'{"hm":1}\n', ""),
        (b"", "end"),
        (b"rubbish\n", "end"),
    ],
)
def test_a_goodbye_is_told_from_an_end(
    pair: tuple[Agent, socket.socket], data: bytes, word: str
) -> None:
    agent, other = pair
    other.sendall(data)
    if not data:
        other.shutdown(socket.SHUT_WR)
    assert agent.receive_word() == word
    other.close()
    agent.close()


def test_silence_has_an_end(pair: tuple[Agent, socket.socket]) -> None:
    agent, other = pair
    with pytest.raises(TimeoutError):
        agent.receive(0.01)
    other.close()
    agent.close()


def test_last_words_are_passed_on_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handle, "MAX_STDERR_BYTES", 4096)
    ours, theirs = socket.socketpair()
    said, says = os.pipe()
    got, to = os.pipe()
    agent = Agent(ours, 0, said)
    os.write(says, b"x" * 10_000 + b"\nlast")
    os.close(says)
    agent.drain_stderr(to)
    os.close(to)
    assert len(os.read(got, 20_000)) == 4096
    assert agent.last_words() == "last"
    agent.relay_stderr(to)  # over: nothing to do
    os.close(got)
    theirs.close()
    agent.close()


def test_closing_lets_go_of_everything() -> None:
    ours, theirs = socket.socketpair()
    said, says = os.pipe()
    Agent(ours, 0, said).close()
    theirs.close()
    with pytest.raises(BrokenPipeError):
        os.write(says, b"x")
    os.close(says)


def test_letting_go_of_an_agent_elsewhere_takes_no_child_s_end(
    pair: tuple[Agent, socket.socket],
) -> None:
    agent, other = pair  # its pid is 0: of another namespace
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    agent.close()
    other.close()
    assert os.waitpid(child, 0) == (child, 0)


@pytest.mark.parametrize("has_setsid", [True, False])
def test_a_c_library_without_setsid_spawns_too(
    monkeypatch: pytest.MonkeyPatch, has_setsid: bool
) -> None:
    spawn = os.posix_spawn

    def old_spawn(*args: object, **keys: object) -> int:
        if keys.get("setsid") and not has_setsid:
            raise NotImplementedError
        return spawn(*args, **keys)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "posix_spawn", old_spawn)
    script = "import os,sys; sys.exit(os.getsid(0) == os.getpid())"
    pid = handle.spawn([sys.executable, "-I", "-S", "-c", script], [])
    _, status = os.waitpid(pid, 0)
    assert bool(os.waitstatus_to_exitcode(status)) is has_setsid
