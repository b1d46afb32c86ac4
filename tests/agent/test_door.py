"""The agent's door against attachers that do not keep to the form."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from port_linker.agent import door as door_module
from port_linker.agent.door import Attachment, Door, receive_line
from tests.fakes.waiting import WAIT_S, until

TOKEN = "s3cret"
GOOD = {"token": TOKEN, "sync": "ab" * 16, "host": "h"}


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    made = Door(TOKEN, lambda attachment: attachment.end("closed"))
    yield made
    made.close()


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def send(ours: socket.socket, message: Any, count: int = 2) -> None:
    line = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
    fds = [os.open(os.devnull, os.O_RDWR) for _ in range(count)]
    socket.send_fds(ours, [line], fds)
    for fd in fds:
        os.close(fd)


@pytest.mark.parametrize(
    ("message", "count", "reason"),
    [
        ({"attach": {**GOOD, "token": "x"}}, 2, "token"),
        ({"attach": {**GOOD, "token": "\u00e9\ud800"}}, 2, "token"),
        ({"attach": {**GOOD, "token": None}}, 2, "token"),
        ({"attach": {**GOOD, "sync": "zz"}}, 2, "form"),
        ({"attach": {**GOOD, "sync": "ab"}}, 2, "form"),
        ({"attach": {"token": TOKEN, "sync": "ab" * 16}}, 2, "form"),
        ({"attach": GOOD}, 1, "form"),
        ({"attach": GOOD}, 0, "form"),
        ({"attach": {**GOOD, "carried": True}}, 2, "form"),
        ({"attach": {**GOOD, "carried": True, "token": "x"}}, 0, "token"),
        ({"attach": [1]}, 2, "form"),
        ({}, 2, "form"),
    ],
)
async def test_who_does_not_show_what_is_asked_for_is_sent_away_with_the_reason(
    door: Door, pair: tuple[socket.socket, socket.socket], message: Any, count: int, reason: str
) -> None:
    ours, theirs = pair
    before = open_descriptors()
    await send(ours, message, count)
    assert not await door.admit(theirs)
    assert json.loads(ours.recv(1000)) == {"refused": reason}
    assert open_descriptors() == before - 1  # theirs was closed, and nothing was left open


@pytest.mark.parametrize(
    ("line", "count"),
    [(b"{]\n", 2), (b"[1]\n", 2), (b"[" * 60_000 + b"\n", 2), (b"x" * 70_000, 1)],
)
async def test_what_is_no_line_of_json_is_sent_away_without_a_word(
    door: Door, pair: tuple[socket.socket, socket.socket], line: bytes, count: int
) -> None:
    ours, theirs = pair
    before = open_descriptors()
    await send(ours, line, count)
    assert not await door.admit(theirs)
    with contextlib.suppress(ConnectionResetError):  # where it had not read everything
        assert ours.recv(1000) == b""
    await until(lambda: open_descriptors() == before - 1)


async def test_a_stranger_is_not_even_listened_to(
    door: Door, pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anyone may connect to an abstract socket; nobody but the user may keep a thread busy."""
    ours, theirs = pair
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    monkeypatch.setattr(door_module, "_UCRED", FakeCredentials())
    monkeypatch.setattr(door_module, "receive_line", lambda _: pytest.fail("it was read"))
    assert not await door.admit(theirs)
    assert json.loads(ours.recv(1000)) == {"refused": "uid"}


class FakeCredentials:
    size = 12

    def unpack(self, _data: bytes) -> tuple[int, int, int]:
        return 1, 1000, 1000


async def test_an_attacher_that_dribbles_is_sent_away_after_the_limit(
    door: Door, pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    _ours, theirs = pair
    monkeypatch.setattr(door_module, "WAIT_S", 0.05)
    async with asyncio.timeout(WAIT_S):
        assert not await door.admit(theirs)


def test_the_limit_is_of_the_whole_line(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]

    def later() -> float:
        now[0] += 6.0
        return now[0]

    monkeypatch.setattr("port_linker.clock.monotonic_s", later)
    pair[0].send(b"{")  # the rest never comes
    with pytest.raises(OSError, match="timed out"):
        receive_line(pair[1])


async def test_an_attacher_that_is_gone_before_the_answer_leaves_nothing_behind(
    door: Door, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    await send(ours, {"attach": GOOD})
    ours.close()
    before = open_descriptors()
    assert not await door.admit(theirs)
    assert open_descriptors() == before - 1


def test_the_end_of_a_channel_closes_its_descriptors_once(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    fds = os.pipe()
    attachment = Attachment(pair[1], fds, GOOD)
    attachment.end(None)
    assert pair[0].recv(100) == b""
    assert os.dup2(pair[0].fileno(), fds[0]) == fds[0]  # the number is another's now
    attachment.end("closed")
    os.close(fds[0])


async def test_a_carried_channel_is_the_socket_itself_and_nothing_follows_the_answer(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    taken: list[Attachment] = []
    door = Door(TOKEN, taken.append)
    await send(ours, {"attach": {**GOOD, "carried": True}}, 0)
    assert await door.admit(theirs)
    (attachment,) = taken
    assert attachment.is_carried
    assert attachment.descriptors == [theirs.fileno()] * 2
    assert json.loads(ours.recv(1000)) == {"attached": {"pid": os.getpid()}}
    attachment.end("moved")  # a word about it would be taken for the link's
    assert ours.recv(1000) == b""


async def test_an_old_socket_file_is_replaced_and_the_own_one_removed(tmp_path: Path) -> None:
    path = str(tmp_path / "agent.sock")
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(path)
    taken: list[Attachment] = []
    door = Door(TOKEN, taken.append)
    door.open(path)
    ours = socket.socket(socket.AF_UNIX)
    ours.connect(path)
    await send(ours, {"attach": GOOD})
    await until(lambda: taken)
    taken[0].end("closed")
    door.close()
    door.close()
    assert os.listdir(tmp_path) == []
    ours.close()


async def test_without_an_address_there_is_no_way_back_in(door: Door) -> None:
    door.open(None)
    assert door._listener is None


async def test_a_place_that_takes_no_socket_is_an_error_and_leaves_none_open(door: Door) -> None:
    before = open_descriptors()
    with pytest.raises(OSError, match="No such file"):
        door.open("/proc/nowhere/sock")
    assert open_descriptors() == before


async def test_the_door_opens_again_once_there_are_descriptors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "ACCEPT_PAUSE_S", 0.01)
    taken: list[Attachment] = []
    door = Door(TOKEN, taken.append)
    loop = asyncio.get_running_loop()
    accept, failures = loop.sock_accept, [OSError(24, "Too many open files")]

    async def fail_once(listener: socket.socket) -> Any:
        if failures:
            raise failures.pop()
        return await accept(listener)

    monkeypatch.setattr(loop, "sock_accept", fail_once)
    door.open(str(tmp_path / "sock"))
    ours = socket.socket(socket.AF_UNIX)
    ours.connect(str(tmp_path / "sock"))
    await send(ours, {"attach": GOOD})
    await until(lambda: taken)
    taken[0].end("closed")
    door.close()
    ours.close()
