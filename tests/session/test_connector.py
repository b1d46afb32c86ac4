"""One attempt or channel at a time, and what the session hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from port_linker.cause import Cause, explain
from port_linker.deploy.channel import AgentRestarted, ChannelEnded
from port_linker.deploy.settings import ConnectSettings
from port_linker.errors import PortLinkerError, UnreachableError
from port_linker.session.connector import Connector
from port_linker.ssh.target import parse_target
from tests.fakes.waiting import until

SETTINGS = ConnectSettings(agent_id="a1", token="t", host_id="h")
OPEN_CHANNEL = "port_linker.session.connector.open_agent_channel"


class FakeChannel:
    """A channel to which things happen when the test says so."""

    def __init__(self) -> None:
        self.happens: asyncio.Queue[Any] = asyncio.Queue()
        self.closes = 0

    async def wait_event(self) -> Any:
        return await self.happens.get()

    async def close(self) -> None:
        self.closes += 1


class Rig:
    """A connector, its owner, and the attempts that it makes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.connector = Connector(parse_target("dev1"), self, lambda _: None)
        self.attempts: list[asyncio.Future[Any]] = []
        self.unattended: list[bool] = []
        self.opened: list[FakeChannel] = []
        self.heard: list[Any] = []
        monkeypatch.setattr(OPEN_CHANNEL, self._open)

    async def _open(self, _target: Any, _settings: Any, _progress: Any, unattended: bool) -> Any:
        self.unattended.append(unattended)
        self.attempts.append(asyncio.get_running_loop().create_future())
        return await self.attempts[-1]

    async def attempt(self, unattended: bool = False) -> asyncio.Future[Any]:
        count = len(self.attempts)
        self.connector.open(SETTINGS, unattended)
        await until(lambda: len(self.attempts) > count)
        return self.attempts[-1]

    async def channel(self) -> FakeChannel:
        attempt, channel = await self.attempt(), FakeChannel()
        attempt.set_result(channel)
        await until(lambda: channel in self.opened)
        return channel

    # ConnectorOwner

    def on_channel_opened(self, channel: Any) -> None:
        self.opened.append(channel)

    def on_channel_failed(self, error: PortLinkerError) -> None:
        self.heard.append(error)

    def on_agent_restarted(self, channel: Any, sync: bytes) -> None:
        self.heard.append((channel, sync))

    def on_channel_ended(self, cause: Cause) -> None:
        self.heard.append(explain(cause))


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    made = Rig(monkeypatch)
    yield made
    await made.connector.shut()


async def test_a_channel_is_handed_on_and_watched(rig: Rig) -> None:
    channel = await rig.channel()
    channel.happens.put_nowait(AgentRestarted(7, b"new sync"))
    await until(lambda: rig.heard)
    channel.happens.put_nowait(ChannelEnded(UnreachableError("dev1 went away")))
    await until(lambda: len(rig.heard) == 2)
    assert rig.heard == [(channel, b"new sync"), "dev1 went away"]


async def test_an_end_without_a_reason_is_an_end(rig: Rig) -> None:
    channel = await rig.channel()
    channel.happens.put_nowait(ChannelEnded(None))
    await until(lambda: rig.heard == ["the channel ended"])


async def test_a_failed_attempt_is_told_with_its_error(rig: Rig) -> None:
    error = UnreachableError("dev1 did not answer")
    (await rig.attempt()).set_exception(error)
    await until(lambda: rig.heard == [error])


async def test_a_fault_of_ours_is_a_failed_attempt_too(rig: Rig) -> None:
    (await rig.attempt()).set_exception(OSError(24, "Too many open files"))
    await until(lambda: rig.heard)
    assert "Too many open files" in rig.heard[0].message
    (await rig.attempt()).set_exception(ValueError("odd"))
    await until(lambda: len(rig.heard) == 2)
    assert "odd" in rig.heard[1].message


async def test_a_newer_attempt_replaces_the_older_one(rig: Rig) -> None:
    first = await rig.attempt()
    await rig.attempt(unattended=True)
    assert first.cancelled()
    assert rig.unattended == [False, True]
    assert rig.heard == []


async def test_a_newer_attempt_ends_an_open_channel(rig: Rig) -> None:
    channel = await rig.channel()
    await rig.attempt()
    await until(lambda: channel.closes)
    channel.happens.put_nowait(ChannelEnded(None))
    await rig.connector.shut()
    assert rig.heard == []  # the end of a channel that was given up is no news


async def test_the_end_of_the_child_can_be_waited_for(rig: Rig) -> None:
    assert await rig.connector.wait_ended(0.01)  # there is none
    channel = await rig.channel()
    assert not await rig.connector.wait_ended(0.01)
    channel.happens.put_nowait(ChannelEnded(None))
    assert await rig.connector.wait_ended(10.0)
