"""What happens to an open channel."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from port_linker.deploy.channel import AgentRestarted, ChannelEnded, StderrRouter
from port_linker.deploy.replies import AttachFailed
from port_linker.errors import UnreachableError
from port_linker.ssh.target import parse_target
from tests.deploy.channels import (
    Open,
    ask,
    make_settings,
    shell,
)
from tests.deploy.rig import is_alive
from tests.lab.shell import wait_until


async def test_the_agent_outlives_the_channel_and_is_found_again(opened: Open) -> None:
    settings = make_settings()
    first = await opened(shell("exec sh"), settings)
    os.kill(first.child_pid, signal.SIGKILL)
    ended = await first.wait_event()
    assert isinstance(ended, ChannelEnded)
    assert isinstance(ended.error, UnreachableError)
    second = await opened(shell("exec sh"), dataclasses.replace(settings, resume=True))
    assert second.resumed
    assert second.agent_pid == first.agent_pid
    assert second.sync != first.sync
    assert await ask(second, b"hello") == b"hello"


async def test_a_killed_agent_comes_back_on_the_same_channel(opened: Open) -> None:
    channel = await opened(shell("exec sh"))
    first = channel.agent_pid
    began = time.monotonic()
    os.kill(first, signal.SIGKILL)
    event = await channel.wait_event()
    assert isinstance(event, AgentRestarted)
    assert channel.agent_pid == event.pid != first
    assert channel.sync == event.sync
    said = await ask(channel, b"!who\n")
    assert said == f"{event.pid} {event.sync.hex()}\n".encode()
    assert time.monotonic() - began < 2.0


async def test_crash_after_crash_ends_the_channel_with_one_error(opened: Open) -> None:
    settings = make_settings(version=json.dumps({"crash": "after"}))
    channel = await opened(shell("exec sh"), settings)
    events = [await channel.wait_event() for _ in range(6)]
    assert all(isinstance(event, AgentRestarted) for event in events[:5])
    last = events[5]
    assert isinstance(last, ChannelEnded)
    assert last.error is not None
    assert last.error.code == "PL-AGENT-CRASHES"


async def test_a_goodbye_is_an_end_without_error(opened: Open) -> None:
    channel = await opened(shell("exec sh"))
    assert await ask(channel, b"!bye\n") == b""
    assert await channel.wait_event() == ChannelEnded(None)


async def test_closing_ends_the_child_and_not_the_agent(opened: Open) -> None:
    channel = await opened(shell("exec sh"))
    await channel.close()
    assert not is_alive(channel.child_pid)
    assert is_alive(channel.agent_pid)


async def test_ssh_that_goes_later_is_explained_too(
    opened: Open, fake_ssh: Callable[[str], Path]
) -> None:
    fake_ssh("sh; echo 'client_loop: send disconnect: Broken pipe' >&2; exit 255")
    channel = await opened(parse_target("dev1"))
    os.kill(channel.agent_pid, signal.SIGSTOP)
    attacher = [pid for pid in children_of(channel.child_pid) if is_alive(pid)]
    os.kill(attacher[0], signal.SIGKILL)
    event = await channel.wait_event()
    os.kill(channel.agent_pid, signal.SIGCONT)
    assert isinstance(event, ChannelEnded)
    assert event.error is not None
    assert event.error.code == "PL-SSH-CLOSED"


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


async def test_the_agent_ends_when_its_lease_does(opened: Open) -> None:
    channel = await opened(shell("exec sh"), make_settings(version=json.dumps({"lease": 0.05})))
    await channel.close()
    wait_until(lambda: not is_alive(channel.agent_pid), "the agent ended")


def test_stderr_is_sorted_and_bounded() -> None:
    shown: list[str] = []
    router = StderrRouter(shown.append)
    router.words.release()
    sync = "ab" * 16
    for _ in range(100):
        router.route(f'PL1 {{"agent":"restarted","pid":5,"sync":"{sync}"}}')
        router.route("a word")
    router.route("PL1 nonsense of the target")
    router.route('PL1 {"agent":"started","pid":5}')
    router.route('PL1 {"error":"x"}')
    assert router.events.qsize() == 16
    assert len(router.tail) == 20
    assert router.failed == AttachFailed("x", "")
    assert shown[-2:] == ["PL1 nonsense of the target", 'PL1 {"agent":"started","pid":5}']
