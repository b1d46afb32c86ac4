"""The executable that is there, comes later, or never does."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from port_linker.cause import (
    NO_TUNNEL,
    TUNNEL_BUILDING,
    TUNNEL_NOT_BUILT,
    TUNNEL_UNREADABLE,
    Cause,
)
from port_linker.link.find import TunnelMissing
from port_linker.session import executable
from port_linker.session.executable import load_tunnel

NOBODY = 2**22 + 1  # above the largest pid


class Place:
    """Where the executable may be."""

    def __init__(self) -> None:
        self.path: str | None = None
        self.looked = asyncio.Event()

    def find(self) -> str:
        self.looked.set()
        if self.path is None:
            raise TunnelMissing("not there")
        return self.path


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    made = Place()
    monkeypatch.setattr(executable, "find_executable", made.find)
    monkeypatch.setattr(executable, "POLL_S", 0.0)
    return made


async def test_it_is_there(place: Place) -> None:
    place.path = sys.executable
    told: list[Cause] = []
    assert (await load_tunnel(0, told.append)).path == sys.executable
    assert told == []


async def test_it_cannot_be_read(place: Place) -> None:
    place.path = "/nowhere/x"
    told: list[Cause] = []
    with pytest.raises(TunnelMissing):
        await load_tunnel(0, told.append)
    assert told == [Cause(TUNNEL_UNREADABLE)]


async def test_it_is_missing(place: Place) -> None:
    told: list[Cause] = []
    with pytest.raises(TunnelMissing):
        await load_tunnel(0, told.append)
    assert told == [Cause(NO_TUNNEL)]


async def test_it_is_waited_for_while_somebody_builds_it(place: Place) -> None:
    told: list[Cause] = []
    waiting = asyncio.ensure_future(load_tunnel(os.getpid(), told.append))
    for _ in range(3):
        place.looked.clear()
        await place.looked.wait()
    assert told == [Cause(TUNNEL_BUILDING)]
    place.path = sys.executable
    assert (await waiting).path == sys.executable


async def test_a_build_that_failed_is_told(place: Place) -> None:
    told: list[Cause] = []
    with pytest.raises(TunnelMissing):
        await load_tunnel(NOBODY, told.append)
    assert told == [Cause(TUNNEL_NOT_BUILT)]
