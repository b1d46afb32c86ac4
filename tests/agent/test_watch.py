"""The pace of scans: at once on a start and on a close, otherwise what the scanner asks for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable

import pytest

from port_linker.agent import watch as watch_module
from port_linker.agent.watch import Watcher
from port_linker.model import Proto, Service, ServiceId
from port_linker.scan.published import NO_CONTAINERS, Containers
from port_linker.scan.rows import ScanUnavailableError
from port_linker.tasks import start_task, stop_task
from tests.fakes.waiting import until

WEB = Service(ServiceId(Proto.TCP, "127.0.0.1", 80), uid=0)
DB = Service(ServiceId(Proto.TCP, "127.0.0.1", 5432), uid=0)


class FakeScanner:
    """A scanner that says what the test says."""

    def __init__(self) -> None:
        self.services = [WEB]
        self.scans = 0
        self.period_s = 30.0
        self.is_broken = False
        self.wants = False
        self.containers: list[Containers] = []
        self.is_closed = False
        self._read_fd, self.write_fd = os.pipe()
        self.destroyed_fd: int | None = self._read_fd
        self.fails_to_read = False

    def scan(self) -> list[Service]:
        self.scans += 1
        if self.is_broken:
            raise ScanUnavailableError("no /proc")
        return self.services

    def read_destroyed(self) -> list[object]:
        if self.fails_to_read:
            os.close(self._read_fd)
            self.destroyed_fd = None
            return []
        return [os.read(self._read_fd, 100)]

    def wants_containers(self) -> bool:
        return self.wants

    def set_containers(self, containers: Containers) -> None:
        self.containers.append(containers)

    def close(self) -> None:
        self.is_closed = True


class FakeReader:
    """A container engine that answers or not."""

    def __init__(self) -> None:
        self.answer = NO_CONTAINERS
        self.reads = 0

    def is_due(self, wanted: bool) -> bool:
        return wanted

    def read(self) -> Containers:
        self.reads += 1
        return self.answer


class Rig:
    """A watcher at work."""

    def __init__(self) -> None:
        self.scanner = FakeScanner()
        self.reader = FakeReader()
        self.told: list[set[ServiceId]] = []
        self.watcher = Watcher(self.scanner, lambda s: self.told.append(set(s)))  # type: ignore[arg-type]
        self.task = start_task(self.watcher.run(), "watch")

    async def scan(self) -> None:
        """Have one more scan made and finished."""
        wanted = self.scanner.scans + 1
        self.watcher._kick.set()
        await until(lambda: self.scanner.scans >= wanted)


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(watch_module, "SETTLE_S", 0.0)
    reader: Callable[[], object] = lambda: made.reader  # noqa: E731
    monkeypatch.setattr(watch_module, "open_container_reader", lambda: None)
    made = Rig()
    made.watcher._containers = reader()  # type: ignore[assignment]
    yield made
    await stop_task(made.task)
    assert made.scanner.is_closed


async def test_nothing_is_scanned_until_somebody_listens(rig: Rig) -> None:
    for _ in range(3):
        await asyncio.sleep(0)
    assert rig.scanner.scans == 0
    rig.watcher.start()
    await until(lambda: rig.told == [{WEB.id}])


async def test_a_close_is_looked_at_at_once(rig: Rig) -> None:
    rig.watcher.start()
    await until(lambda: rig.scanner.scans == 1)
    rig.scanner.services = []
    os.write(rig.scanner.write_fd, b"closed")
    await until(lambda: rig.told == [{WEB.id}, set()])


async def test_the_same_list_is_no_news_unless_a_host_begins_to_listen(rig: Rig) -> None:
    rig.watcher.start()
    await until(lambda: rig.scanner.scans == 1)
    await rig.scan()
    assert len(rig.told) == 1
    rig.watcher.tell_again()
    await rig.scan()
    assert len(rig.told) == 2
    rig.watcher.pause()
    rig.watcher.start()
    await until(lambda: len(rig.told) == 3)


async def test_in_a_pause_nothing_is_scanned(rig: Rig) -> None:
    rig.watcher.start()
    await until(lambda: rig.scanner.scans == 1)
    rig.watcher.pause()
    rig.watcher._kick.set()
    await until(lambda: not rig.watcher._kick.is_set() or rig.watcher._is_wanted._waiters)
    assert rig.scanner.scans == 1


async def test_the_period_is_the_scanners(rig: Rig) -> None:
    rig.scanner.period_s = 0.001
    rig.watcher.start()
    await until(lambda: rig.scanner.scans >= 5)


async def test_a_machine_that_tells_nothing_is_reported_once_and_asked_again(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.scanner.is_broken = True
    rig.watcher.start()
    await until(lambda: rig.scanner.scans == 1)
    await rig.scan()
    rig.scanner.is_broken = False
    await rig.scan()
    await until(lambda: rig.told == [{WEB.id}])
    assert [record.message for record in caplog.records] == [
        "this machine does not tell its sockets"
    ]


async def test_a_push_that_fails_is_no_longer_watched(rig: Rig) -> None:
    """Its descriptor's number may soon be a flow's."""
    rig.watcher.start()
    await until(lambda: rig.scanner.scans == 1)
    fd = rig.scanner.destroyed_fd
    assert fd is not None
    rig.scanner.fails_to_read = True
    os.write(rig.scanner.write_fd, b"x")
    await until(lambda: rig.scanner.destroyed_fd is None)
    assert not asyncio.get_running_loop().remove_reader(fd)


async def test_container_engines_are_asked_beside_the_scans(rig: Rig) -> None:
    rig.scanner.wants = True
    rig.watcher.start()
    await until(lambda: rig.scanner.containers == [NO_CONTAINERS])
    rig.reader.answer = Containers({"ab": "web"}, {})
    await rig.scan()
    await until(lambda: rig.scanner.containers == [NO_CONTAINERS, rig.reader.answer])
