"""The executable comes piece by piece, each one acknowledged, or is here already."""

from __future__ import annotations

import asyncio
import hashlib
import os
import pathlib
import zlib
from typing import Any

import pytest

from port_linker.agent import fetch
from port_linker.agent.executable import ExecutableError
from port_linker.agent.fetch import Fetcher
from port_linker.protocol.quic import Executable, QuicPart
from port_linker.tasks import start_task, stop_task

PROGRAM = b"#!/bin/sh\nexit 0\n# " + os.urandom(5000).hex().encode()
PACKED = zlib.compress(PROGRAM)
FACTS = Executable(
    hashlib.sha256(PROGRAM).hexdigest(), len(PROGRAM), len(PACKED), os.uname().machine
)


class Host:
    """Serves what is asked for, in pieces."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.asked: asyncio.Queue[int] = asyncio.Queue()
        self.fetcher = Fetcher(str(folder), self.hear)

    def hear(self, message: dict[str, Any]) -> None:
        assert message["t"] == "quic-need"
        self.asked.put_nowait(message["at"])

    async def serve(self, packed: bytes = PACKED) -> list[int]:
        seen = []
        while (at := await self.asked.get()) < len(packed):
            seen.append(at)
            self.fetcher.take(QuicPart(FACTS.digest, at, packed[at : at + 1000]))
        return seen


async def test_it_comes_in_pieces_and_only_once(tmp_path: pathlib.Path) -> None:
    host = Host(tmp_path)
    fetching = start_task(host.fetcher.fetch(FACTS), "fetch")
    async with asyncio.timeout(10):
        assert await host.serve() == list(range(0, len(PACKED), 1000))
        command = await fetching
        assert os.path.dirname(command.words[0]) == str(tmp_path)
        again = await host.fetcher.fetch(FACTS)
    assert again.words == command.words
    assert host.asked.empty()


async def test_damaged_pieces_end_it(tmp_path: pathlib.Path) -> None:
    host = Host(tmp_path)
    fetching = start_task(host.fetcher.fetch(FACTS), "fetch")
    async with asyncio.timeout(10):
        await host.asked.get()
        host.fetcher.take(QuicPart("00" * 32, 0, b"of another"))
        host.fetcher.take(QuicPart(FACTS.digest, 0, b"not zlib"))
        with pytest.raises(ExecutableError):
            await fetching


async def test_a_host_that_stops_is_given_up(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "PIECE_S", 0.05)
    with pytest.raises(asyncio.TimeoutError):
        await Host(tmp_path).fetcher.fetch(FACTS)


async def test_what_comes_after_a_stop_is_ignored(tmp_path: pathlib.Path) -> None:
    host = Host(tmp_path)
    fetching = start_task(host.fetcher.fetch(FACTS), "fetch")
    await host.asked.get()
    host.fetcher.stop()
    host.fetcher.take(QuicPart(FACTS.digest, 0, PACKED))
    assert host.asked.empty()
    await stop_task(fetching)
