"""Which process holds a socket."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from port_linker.scan import holders as holders_module
from port_linker.scan.holders import Holders
from port_linker.scan.owners import Owner
from port_linker.scan.procfs import ProcFs
from tests.scan.fake_proc import Clock, FakeProc


@pytest.fixture
def fake(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path / "proc")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_socket_has_its_owner_with_all_names(fake: FakeProc, clock: Clock) -> None:
    fake.add(
        10, {3: 500}, name=b"web", command=b"web\0-p\0", cgroup=b"0::/docker/%s" % (b"ab" * 32)
    )
    holders = Holders(fake.fs, clock, clock)
    holders.set_live({500: 0, 0: 0})
    assert holders.update()
    assert holders.owner_of(500) == Owner(10, "web", "web -p", "ab" * 32)
    assert holders.owner_of(0) is None
    assert not holders.update()


def test_owners_are_forgotten_with_their_last_socket(fake: FakeProc, clock: Clock) -> None:
    fake.add(10, {3: 500, 4: 501})
    holders = Holders(fake.fs, clock, clock)
    holders.set_live({500: 0, 501: 0})
    holders.update()
    holders.set_live({501: 0})
    assert holders.owner_of(500) is None
    assert holders.owner_of(501) is not None
    holders.set_live({})
    assert not holders._owners
    assert not holders._names


def test_a_child_that_outlives_its_parent_takes_over(fake: FakeProc, clock: Clock) -> None:
    fake.add(10, {3: 500}, name=b"parent")
    fake.add(11, {3: 500}, name=b"child", parent=10)
    holders = Holders(fake.fs, clock, clock)
    holders.set_live({500: 0})
    holders.update()
    assert holders.owner_of(500) == Owner(10, "parent", "web -v")
    fake.end(10)
    assert holders.update()  # the check wants it searched, the search finds the child
    assert holders.owner_of(500) == Owner(11, "child", "web -v")


def test_a_process_that_becomes_another_program_is_named_anew(fake: FakeProc, clock: Clock) -> None:
    fake.add(10, {3: 500}, name=b"sh", command=b"sh\0")
    holders = Holders(fake.fs, clock, clock)
    holders.set_live({500: 0})
    holders.update()
    fake.add(10, {3: 500}, name=b"java", command=b"java\0-jar\0")
    assert holders.update()
    assert holders.owner_of(500) == Owner(10, "java", "java -jar")


def test_what_nobody_holds_is_searched_again_ever_more_rarely(fake: FakeProc, clock: Clock) -> None:
    class Counting(ProcFs):
        passes = 0

        def list_pids(self) -> list[int]:
            Counting.passes += 1
            return super().list_pids()

    holders = Holders(Counting(str(fake.root)), clock, clock)
    holders.set_live({500: 0})
    for _ in range(1000):  # seconds
        holders.update()
        clock.now_s += 1
    assert Counting.passes == 4  # at once, then after 2, 16 and 128 s
    fake.add(10, {3: 500})
    clock.now_s += 1024
    holders.update()
    assert holders.owner_of(500) == Owner(10, "web", "web -v")


def test_a_holder_that_is_gone_for_good_is_not_named_any_more(fake: FakeProc, clock: Clock) -> None:
    fake.add(10, {3: 500})
    holders = Holders(fake.fs, clock, clock)
    holders.set_live({500: 0})
    holders.update()
    fake.end(10)
    assert holders.update()
    assert holders.owner_of(500) is None


def test_searching_takes_two_hundredths_of_a_core_in_the_long_run(fake: FakeProc) -> None:
    for pid in range(10, 60):
        fake.add(pid, {})
    clock = Clock(step_s=0.001)  # each look at the clock costs a millisecond
    holders = Holders(fake.fs, clock, clock)
    started_s = clock.now_s
    for number in range(4000):
        holders.set_live({1_000_000 + number: 0})  # always another socket that nobody holds
        holders.update()
        clock.now_s += 0.1
    assert holders.search_s < 0.55 + 0.02 * (clock.now_s - started_s)


def test_a_command_line_that_hangs_holds_nobody_up(
    fake: FakeProc, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holders_module, "_COMMAND_WAIT_S", 0.001)
    release = threading.Event()

    class Hanging(ProcFs):
        def read_command(self, pid: int) -> bytes:
            release.wait(10)
            return super().read_command(pid)

    fake.add(10, {3: 500})
    holders = Holders(Hanging(str(fake.root)), clock, clock)
    holders.set_live({500: 0})
    assert holders.update()
    assert holders.owner_of(500) == Owner(10, "web")
    release.set()
    while not holders.update():
        pass
    assert holders.owner_of(500) == Owner(10, "web", "web -v")


def test_an_answer_for_a_process_that_is_gone_is_dropped(
    fake: FakeProc, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holders_module, "_COMMAND_WAIT_S", 0.0)
    fake.add(10, {3: 500})
    holders = Holders(fake.fs, clock, clock)
    holders.set_live({500: 0})
    holders.update()
    holders.set_live({})
    while holders._commands._pending:
        holders.update()
    assert holders._owners == {}
