"""Who holds a port: real processes, seen with and without the right to look."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from port_linker.model import Proto
from port_linker.ports.os import holder as holder_module
from port_linker.ports.os.holder import (
    HolderFinder,
    blocks,
    describe_process,
    read_places,
    read_start_ticks,
)
from port_linker.ports.types import Local, PortHolder
from port_linker.scan.rows import Row
from tests.ports.children import NOBODY, holding, run_as_nobody
from tests.ports.os.test_sockets import needs_v6

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root to start other users' processes"
)


def v4(port: int) -> Local:
    return Local(4, "127.0.0.1", port)


@pytest.mark.parametrize("proto", list(Proto))
def test_a_process_of_ours_is_named(proto: Proto) -> None:
    with holding(proto.value) as (child, port):
        holder = HolderFinder().look(proto, v4(port))
    assert holder is not None
    assert holder.pid == child.pid
    assert holder.command is not None
    assert holder.command.startswith(sys.executable)
    assert holder.uid == os.geteuid()
    assert holder.is_ours
    assert holder.start_ticks is not None
    assert not holder.is_protected
    assert not holder.is_port_linker


def test_a_free_port_has_no_holder() -> None:
    with holding() as (_, port):
        pass
    assert HolderFinder().look(Proto.TCP, v4(port)) is None


def test_we_are_a_port_linker_ourselves() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as sock:
        holder = HolderFinder().look(Proto.TCP, v4(sock.getsockname()[1]))
    assert holder is not None
    assert (holder.pid, holder.is_port_linker, holder.is_self) == (os.getpid(), True, True)


@needs_v6
def test_a_holder_of_every_address_holds_both_families() -> None:
    with holding("tcp", "::") as (child, port):
        finder = HolderFinder()
        holders = [finder.look(Proto.TCP, local) for local in (v4(port), Local(6, "::1", port))]
    assert [holder and holder.pid for holder in holders] == [child.pid, child.pid]


def row(host: str, port: int = 80) -> Row:
    return Row(Proto.TCP, host, port, 0, 1, False)


@pytest.mark.parametrize(
    ("host", "v4_blocked", "v6_blocked"),
    [
        ("127.0.0.1", True, False),
        ("0.0.0.0", True, False),
        ("::", True, True),
        ("::1", False, True),
        ("10.0.0.5", False, False),
    ],
)
def test_what_keeps_a_local_address_from_being_bound(
    host: str, v4_blocked: bool, v6_blocked: bool
) -> None:
    assert blocks(row(host), v4(80)) is v4_blocked
    assert blocks(row(host), Local(6, "::1", 80)) is v6_blocked


@needs_root
def test_root_sees_the_process_of_another_user_and_that_it_is_not_ours() -> None:
    with holding(uid=NOBODY) as (child, port):
        holder = HolderFinder().look(Proto.TCP, v4(port))
    assert holder is not None
    assert (holder.pid, holder.uid, holder.is_ours) == (child.pid, NOBODY, False)


FIND = """
import sys
from port_linker.ports.types import Local
from port_linker.ports.os.holder import HolderFinder
from port_linker.model import Proto
holder = HolderFinder().look(Proto.TCP, Local(4, "127.0.0.1", int(sys.argv[-1])))
print(json.dumps([holder.pid, holder.uid, holder.user, holder.is_ours, holder.command]))
"""


def test_a_user_without_privilege_sees_whose_it_is_and_no_more() -> None:
    with holding() as (_, port):
        assert run_as_nobody(FIND, str(port)) == [None, 0, "root", False, None]


@needs_root
def test_a_user_without_privilege_sees_his_own_process() -> None:
    with holding(uid=NOBODY) as (child, port):
        found = run_as_nobody(FIND, str(port))
    assert found[:4] == [child.pid, NOBODY, "nobody", True]


class Counted:
    """A clock by hand, and a count of the scans."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.tables = self.places = 0
        tables, places = holder_module.read_tables, holder_module.read_places

        def count_tables() -> holder_module.Tables:
            self.tables += 1
            return tables()

        def count_places() -> dict[int, holder_module.Place]:
            self.places += 1
            return places()

        monkeypatch.setattr(holder_module, "read_tables", count_tables)
        monkeypatch.setattr(holder_module, "read_places", count_places)
        self.finder = HolderFinder(lambda: self.now)


def test_many_conflicts_cost_one_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    with holding() as (child, port), holding() as (other, other_port):
        for _ in range(100):
            one = counted.finder.look(Proto.TCP, v4(port))
            two = counted.finder.look(Proto.TCP, v4(other_port))
            assert one is not None
            assert two is not None
            assert (one.pid, two.pid) == (child.pid, other.pid)
        assert (counted.tables, counted.places) == (1, 1)
        counted.now = 1.0
        counted.finder.look(Proto.TCP, v4(port))
        assert (counted.tables, counted.places) == (2, 1), "the same socket is not looked for again"
        counted.finder.forget()
        counted.finder.look(Proto.TCP, v4(port))
        assert counted.tables == 3
    counted.now = 2.0
    assert counted.finder.look(Proto.TCP, v4(port)) is None


def test_a_socket_nobody_may_see_is_looked_for_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = Counted(monkeypatch)
    monkeypatch.setattr(holder_module, "read_tables", lambda: {(Proto.TCP, 80): [row("127.0.0.1")]})
    for now, scans in ((0.0, 1), (5.0, 1), (11.0, 2)):
        counted.now = now
        assert counted.finder.look(Proto.TCP, v4(80)) == PortHolder(uid=0, user="root")
        assert counted.places == scans


def test_two_hundred_foreign_holders_cost_one_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    rows = {
        (Proto.TCP, port): [Row(Proto.TCP, "127.0.0.1", port, 0, 10**9 + port, False)]
        for port in range(1, 201)
    }
    monkeypatch.setattr(holder_module, "read_tables", lambda: rows)
    for port in range(1, 201):
        assert counted.finder.look(Proto.TCP, v4(port)) == PortHolder(uid=0, user="root")
    assert counted.places == 1


async def test_the_search_leaves_the_loop_free(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def walk() -> dict[int, holder_module.Place]:
        seen.append(threading.current_thread() is threading.main_thread())
        return {}

    monkeypatch.setattr(holder_module, "read_places", walk)
    with holding() as (_, port):
        holder = await HolderFinder().find(Proto.TCP, v4(port))
    assert holder is not None
    assert seen == [False]


def test_a_walk_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holder_module, "MAX_WALK_S", -1.0)
    assert read_places() == {}


def test_a_holder_that_came_since_the_last_look_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    counted.finder.look(Proto.TCP, v4(1))
    counted.now = 0.2
    with holding() as (child, port):
        found = counted.finder.look(Proto.TCP, v4(port))
    assert found is not None
    assert found.pid == child.pid


def test_a_process_that_is_gone_leaves_what_was_known() -> None:
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    child.wait(timeout=10)
    holder = describe_process(child.pid, socket_uid=4_000_000)
    assert holder.uid == 4_000_000
    assert (holder.command, holder.user, holder.start_ticks) == (None, None, None)
    assert read_start_ticks(child.pid) is None


def test_our_ancestors_are_protected(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    assert describe_process(os.getppid()).is_protected
    assert describe_process(1).is_protected

    def refuse(_: object) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil.Process, "parents", refuse)
    assert describe_process(os.getppid()).is_protected


@pytest.mark.parametrize(
    ("name", "words", "is_one"),
    [
        ("python3", ["python3", "/usr/bin/port-linker", "dev1"], True),
        ("port-linker-tun", [], True),
        ("python3", ["python3", "-m", "port_linker.cli.main"], True),
        ("vim", ["vim", "notes", "port-linker"], False),
        ("python3", ["python3", "-m", "http.server"], False),
    ],
)
def test_another_port_linker_is_known_by_its_command_line(
    name: str, words: list[str], is_one: bool
) -> None:
    assert holder_module._is_port_linker(0, name, words) is is_one


def test_hostile_names_are_cleaned() -> None:
    code = "import sys; sys.stdin.read()"
    command = [sys.executable, "-I", "-S", "-c", code, "\x1b[2J\nname"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        holder = describe_process(child.pid)
        child.communicate(timeout=10)
    assert holder.command is not None
    assert "\x1b" not in holder.command
    assert "\n" not in holder.command


def test_every_socket_of_ours_has_a_place() -> None:
    with holding() as (child, _):
        assert child.pid in {pid for pid, _ in read_places().values()}
