"""The stdio link inside QUIC: a fake door that is a socket of this process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from port_linker.link.door import Pass
from port_linker.link.faults import SidecarFailed
from port_linker.session import carrier as carrier_module
from port_linker.session.carrier import Carrier
from tests.fakes.waiting import until

SIDECAR: Any = object()


class FakeLink:
    """Notes what it is told to speak over."""

    def __init__(self) -> None:
        self.connected: list[bytes] = []
        self.dropped = self.pings = 0

    def connect(self, descriptors: tuple[int, int], sync: bytes) -> None:
        assert descriptors[0] == descriptors[1] >= 0
        self.connected.append(sync)

    def disconnect(self) -> None:
        self.dropped += 1

    def ping(self) -> None:
        self.pings += 1


class Stage:
    """A carrier before a door that opens or not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.link = FakeLink()
        self.changes: list[bool] = []
        self.theirs: list[socket.socket] = []
        self.is_shut = False
        self.now = 100.0
        monkeypatch.setattr(carrier_module, "enter_door", self.enter)
        monkeypatch.setattr("port_linker.clock.monotonic_s", lambda: self.now)
        link: Any = self.link
        self.carrier = Carrier(link, self.make_pass, self.note)

    def make_pass(self, sync: bytes) -> Pass:
        return Pass("t", "h", "v", sync)

    def note(self) -> None:
        self.changes.append(self.carrier.is_up)

    async def enter(self, _sidecar: Any, _card: Pass) -> socket.socket:
        if self.is_shut:
            raise SidecarFailed("died", "the sidecar has ended")
        ours, theirs = socket.socketpair()
        self.theirs.append(theirs)
        return ours

    async def come_up(self) -> None:
        self.carrier.look(SIDECAR)
        await until(lambda: self.link.connected)
        self.carrier.attached()


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    made = Stage(monkeypatch)
    yield made
    made.carrier.give_way()
    for sock in made.theirs:
        sock.close()


async def test_it_comes_up_is_pinged_and_leaves_when_it_is_no_longer_wanted(stage: Stage) -> None:
    await stage.come_up()
    assert stage.changes == [True]
    stage.carrier.look(SIDECAR)
    assert stage.link.pings == 1
    stage.carrier.look(None)
    assert stage.changes == [True, False]
    assert stage.link.dropped == 1
    assert stage.theirs[0].recv(1) == b""
    assert not stage.carrier.is_active


async def test_a_door_that_does_not_open_is_tried_again(stage: Stage) -> None:
    stage.is_shut = True
    stage.carrier.look(SIDECAR)
    await until(lambda: not stage.carrier.is_active)
    stage.is_shut = False
    stage.carrier.look(SIDECAR)  # the first delay is none
    await until(lambda: stage.link.connected)


async def test_a_real_ssh_takes_over_and_nobody_is_told_of_an_end(stage: Stage) -> None:
    await stage.come_up()
    stage.carrier.give_way()
    assert stage.changes == [True]
    assert not stage.carrier.is_up
    assert stage.theirs[0].recv(1) == b""


async def test_a_goodbye_waits_for_the_agent_to_end_the_flow(stage: Stage) -> None:
    await stage.come_up()
    assert not await stage.carrier.wait_ended(0.01)
    waiting = asyncio.ensure_future(stage.carrier.wait_ended(10.0))
    await asyncio.sleep(0)
    stage.carrier.lost("closed by the agent")
    assert await waiting


async def test_who_changes_its_mind_while_the_door_opens_leaves_no_socket(stage: Stage) -> None:
    stage.carrier.look(SIDECAR)
    stage.carrier.look(None)
    await asyncio.sleep(0)
    assert stage.link.connected == []
