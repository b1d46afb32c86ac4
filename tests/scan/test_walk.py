"""The search for holders goes through processes in slices."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from port_linker.scan.procfs import ProcFs
from port_linker.scan.walk import Holder, SocketWalk
from tests.scan.fake_proc import Clock, FakeProc

LONG_S = 1e9


@pytest.fixture
def fake(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path / "proc")


def finish(walk: SocketWalk) -> tuple[dict[int, Holder], set[int]]:
    """Search until nothing is wanted any more."""
    found: dict[int, Holder] = {}
    missing: set[int] = set()
    for _ in range(1000):
        if not walk.is_running:
            return found, missing
        more, lost = walk.run(0.0, set())  # no time: one step each
        found.update(more)
        missing |= lost
    raise AssertionError("the search does not end")


def test_a_search_finds_holders_and_says_what_nobody_holds(fake: FakeProc) -> None:
    fake.add(10, {3: 500, 4: 501})
    fake.add(20, {7: 502})
    walk = SocketWalk(fake.fs)
    walk.want(dict.fromkeys([501, 502, 999], 0))
    found, missing = walk.run(LONG_S, set())
    assert found == {501: Holder(10, "4"), 502: Holder(20, "7")}
    assert missing == {999}
    assert not walk.is_running


def test_a_search_goes_on_where_its_time_ended(fake: FakeProc) -> None:
    for pid in range(10, 40):
        fake.add(pid, {n: pid * 100 + n for n in range(3, 50)})
    walk = SocketWalk(fake.fs, Clock(step_s=1.0))
    walk.want(dict.fromkeys([1003, 3949, 7], 0))
    found, missing = finish(walk)
    assert found == {1003: Holder(10, "3"), 3949: Holder(39, "49")}
    assert missing == {7}


def test_what_is_wanted_during_a_pass_gets_a_whole_pass(fake: FakeProc) -> None:
    for pid in (10, 20, 30):
        fake.add(pid, {})
    walk = SocketWalk(fake.fs, Clock(step_s=1.0))
    walk.want(dict.fromkeys([600], 0))
    walk.run(0.0, set())  # has looked at 30 only
    fake.add(30, {3: 601})
    walk.want(dict.fromkeys([601], 0))
    found, missing = finish(walk)
    assert found == {601: Holder(30, "3")}
    assert missing == {600}


def test_a_closed_socket_is_searched_no_longer(fake: FakeProc) -> None:
    walk = SocketWalk(fake.fs)
    walk.want(dict.fromkeys([600, 601], 0))
    walk.forget({600})
    assert finish(walk) == ({}, {601})


def test_the_server_is_named_and_not_its_worker(fake: FakeProc) -> None:
    fake.add(1, {5: 700})
    fake.add(10, {5: 700}, parent=1)
    fake.add(11, {5: 700}, parent=10)
    fake.add(12, {5: 700}, parent=11)
    walk = SocketWalk(fake.fs)
    walk.want(dict.fromkeys([700], 0))
    assert walk.run(LONG_S, set())[0] == {700: Holder(10, "5")}


class CountingProc(ProcFs):
    """Notes which processes are looked at; one of them is somebody else's."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.visits: list[int] = []

    def read_uid(self, pid: int) -> int:
        return 7 if pid == 20 else 0

    def iter_sockets(self, pid: int) -> Iterator[tuple[str, int]]:
        self.visits.append(pid)
        if pid == 25:
            raise PermissionError
        return super().iter_sockets(pid)


def test_likely_processes_come_first(fake: FakeProc) -> None:
    """New ones, known holders, those of the socket's owner, the rest, unreadable ones."""
    for pid in (10, 20, 25, 30):
        fake.add(pid, {})
    proc = CountingProc(str(fake.root))
    walk = SocketWalk(proc)
    walk.want({1: 7})
    walk.run(LONG_S, set())
    assert proc.visits == [20, 30, 25, 10]
    proc.visits.clear()
    fake.add(15, {})
    walk.want({1: 7})
    walk.run(LONG_S, {10})
    assert proc.visits == [15, 10, 20, 30, 25]


def test_a_search_in_this_machine_finds_ourselves() -> None:
    with socket.socket() as sock:
        walk = SocketWalk(ProcFs())
        inode = os.fstat(sock.fileno()).st_ino
        walk.want(dict.fromkeys([inode], 0))
        assert walk.run(LONG_S, set())[0] == {inode: Holder(os.getpid(), str(sock.fileno()))}
