"""Units of sockets whose process cannot be seen."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from port_linker.model import Proto, Service
from port_linker.scan.cgroup_names import CgroupNames, list_all_units, list_units
from port_linker.scan.scanner import Scanner
from tests.lab.groups import control_group
from tests.scan.child import living_child, run_as_nobody
from tests.scan.fake_proc import Clock
from tests.scan.test_scanner import find, scan_until


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.controllers").touch()
    (tmp_path / "system.slice" / "nginx.service" / "workers").mkdir(parents=True)
    (tmp_path / "user.slice" / "user-7.slice" / "session-3.scope").mkdir(parents=True)
    return tmp_path


def test_groups_are_listed_by_inode(mount: Path) -> None:
    nginx = mount / "system.slice" / "nginx.service"
    inode, below = nginx.stat().st_ino, (nginx / "workers").stat().st_ino
    assert list_units(str(mount)) == {inode: "nginx.service", below: "nginx.service"}
    assert list_all_units((str(mount / "none"), str(mount))) == list_units(str(mount))


def test_a_mount_of_version_1_is_not_asked(mount: Path) -> None:
    (mount / "cgroup.controllers").unlink()
    assert list_all_units((str(mount),)) == {}


def test_a_link_is_not_followed(mount: Path) -> None:
    (mount / "loop.service").symlink_to(mount)
    assert len(list_units(str(mount))) == 2


class Lister:
    """Lists when asked, and counts."""

    def __init__(self) -> None:
        self.units: dict[int, str] = {}
        self.count = 0

    def __call__(self) -> dict[int, str]:
        self.count += 1
        return dict(self.units)


def test_a_list_is_made_for_new_numbers_only_and_not_too_often() -> None:
    clock, lister = Clock(), Lister()
    names = CgroupNames(lister, clock)
    assert names.read_units({0}) == {}
    assert lister.count == 0, "no kernel that tells numbers, no list"
    lister.units = {5: "web.service"}
    assert names.read_units({5, 6}) == {5: "web.service"}
    lister.units = {5: "web.service", 7: "late.service"}
    clock.now_s += 60
    assert names.read_units({5, 6}) == {5: "web.service"}
    assert lister.count == 1, "6 was not found, and is not searched for again"
    names.read_units({5, 7})
    wait_for(names, {5, 7}, 7)
    assert lister.count == 2
    names.read_units({5, 7, 8})
    assert lister.count == 2
    assert not names.has_news
    clock.now_s += 60
    assert names.has_news, "8 waits for the next list"


def wait_for(names: CgroupNames, numbers: set[int], number: int) -> None:
    ends_at = time.monotonic() + 10.0
    while number not in names.read_units(numbers):
        assert time.monotonic() < ends_at
        time.sleep(0)


def test_a_service_has_its_unit_whether_its_process_is_seen_or_not() -> None:
    """The real kernel: root sees the process, nobody only the socket."""
    told, tell = os.pipe()

    def serve() -> None:
        (folder / "cgroup.procs").write_text("0")
        servers.append(socket.create_server(("127.0.0.1", 0)))
        os.write(tell, b"%d" % servers[0].getsockname()[1])

    def look(pid: int | None) -> None:
        scanner = Scanner()

        def is_named(services: list[Service]) -> bool:
            service = find(services, Proto.TCP, "127.0.0.1", port)
            assert service is not None
            return (service.pid, service.unit) == (pid, "shop.service")

        try:
            scan_until(scanner, is_named)
        finally:
            scanner.close()

    servers: list[socket.socket] = []
    with control_group("shop.service") as folder, living_child(serve) as pid:
        port = int(os.read(told, 16))
        os.close(told)
        os.close(tell)
        look(pid)
        run_as_nobody(lambda: look(None))
