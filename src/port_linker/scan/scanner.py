"""Lists the services of this machine, again and again, cheaply. Runs on Python 3.9."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from port_linker import clock
from port_linker.model import Service
from port_linker.scan.cgroup_names import CgroupNames
from port_linker.scan.holders import Holders
from port_linker.scan.netlink import ClosedSocketWatch
from port_linker.scan.owners import Key, Names, ServiceBook, is_for_container, merge_rows
from port_linker.scan.period import ScanPeriod
from port_linker.scan.procfs import ProcFs
from port_linker.scan.published import NO_CONTAINERS, Containers
from port_linker.scan.rows import Row, ScanFormatError
from port_linker.scan.sockdiag import ClosedSocket
from port_linker.scan.sources import RowSource
from port_linker.scan.users import UserNames

logger = logging.getLogger(__name__)

_CONTAINER_CHECK_S = 15.0  # between two questions whether what has a container's name still is
_CONTAINER_WISH_S = 15.0  # an engine lists a container some time after its port is open


class Scanner:
    """Finds services. Not thread-safe; every call returns soon (no wait passes some 100 ms)."""

    def __init__(
        self,
        own_pids: Callable[[], set[int]] = set,
        proc: ProcFs | None = None,
        source: RowSource | None = None,
        now_s: Callable[[], float] = clock.monotonic_s,
        cpu_s: Callable[[], float] = time.thread_time,
        groups: CgroupNames | None = None,
    ) -> None:
        """own_pids: processes of ours, whose services are left out."""
        self._own_pids = own_pids
        self._proc = proc or ProcFs()
        self._source = source or RowSource(self._proc)
        self._now_s = now_s
        self._cpu_s = cpu_s
        self._holders = Holders(self._proc)
        self._users = UserNames()
        self._groups = groups or CgroupNames()
        self._book = ServiceBook()
        self._containers = NO_CONTAINERS
        self._vouched: set[int] = set()
        self._has_names = False  # a service has been a container's
        self._ask_again_s = 0.0
        self._period = ScanPeriod()
        self._tables: list[list[Row]] = []
        self._inodes: set[int] = set()
        self._own: set[int] = set()
        self._rows: dict[Key, Row] = {}
        self._services: list[Service] = []
        self._is_stale = True
        self._container_wish_until_s = 0.0
        self._closed = _open_watch()

    def scan(self) -> list[Service]:
        """Return the services as they are now; the very same list if nothing changed.

        Raises ScanUnavailableError if this machine does not say which sockets there are.
        """
        started_s = self._cpu_s()
        tables = self._source.read()
        if len(tables) != len(self._tables) or any(
            new is not old for new, old in zip(tables, self._tables)
        ):
            self._take_tables(tables)
        search_s = self._holders.search_s
        has_names = self._users.has_news or self._groups.has_news
        if self._holders.update() or has_names or self._is_stale:
            self._build()
        search_s = self._holders.search_s - search_s
        self._period.add_cost(max(0.0, self._cpu_s() - started_s - search_s))
        return self._services

    def set_containers(self, containers: Containers) -> None:
        """Take in what the container engines say now; the next scan uses it.

        It holds for the sockets that are there now: another one on the same port may be
        anybody's, until the engines have spoken again.
        """
        self._ask_again_s = self._now_s() + _CONTAINER_CHECK_S
        if containers != self._containers or self._vouched != self._inodes:
            self._containers, self._vouched = containers, self._inodes
            self._is_stale = True

    def wants_containers(self) -> bool:
        """Whether the engines should be asked: a service appeared lately of which they may know
        more, or services bear the names of containers and the engine may have ended.
        """
        now_s = self._now_s()
        is_due = self._has_names and now_s >= self._ask_again_s
        return is_due or now_s < self._container_wish_until_s

    @property
    def cost_s(self) -> float:
        """What a scan costs on average, in seconds of one core, searches for owners apart."""
        return self._period.cost_s

    @property
    def period_s(self) -> float:
        """Seconds from the start of one scan to the start of the next."""
        return self._period.period_s

    @property
    def destroyed_fd(self) -> int | None:
        """The descriptor that is readable after a service closed; None where that is not told."""
        return None if self._closed is None else self._closed.fileno()

    def read_destroyed(self) -> list[ClosedSocket]:
        """Return the services' sockets closed since the last call; scan to see what is left."""
        try:
            return [] if self._closed is None else self._closed.read()
        except (OSError, ScanFormatError) as error:
            logger.warning("closed services are found by scans only: %s", error)
            self._close_watch()
            return []

    def facts(self) -> dict[str, Any]:
        """Return how the scan goes, for logs and for the doctor."""
        return {
            "source": self._source.source,
            "pushed": self._closed is not None,
            "rows": sum(map(len, self._tables)),
            "services": len(self._services),
            "cost_ms": round(self.cost_s * 1000, 3),
            "period_ms": round(self.period_s * 1000),
            "search_ms": round(self._holders.search_s * 1000, 1),
            "ephemeral": list(self._proc.read_port_range()),
        }

    def close(self) -> None:
        """Close both netlink sockets."""
        self._source.close()
        self._close_watch()

    def _take_tables(self, tables: list[list[Row]]) -> None:
        """Take in changed rows: leave our own out, and have new holders searched."""
        inodes = {row.inode for rows in tables for row in rows}
        if inodes - self._inodes:
            self._own = self._read_own() & inodes
        self._tables, self._inodes = tables, inodes
        self._rows = merge_rows(tables, self._own)
        self._holders.set_live({row.inode: row.uid for row in self._rows.values()})
        self._is_stale = True

    def _read_own(self) -> set[int]:
        own: set[int] = set()
        for pid in self._own_pids():
            own |= self._proc.list_sockets(pid)
        return own

    def _build(self) -> None:
        names = Names(
            self._users.read_names({row.uid for row in self._rows.values()}),
            self._groups.read_units({row.cgroup for row in self._rows.values()}),
        )
        self._services = self._book.build(
            self._rows, self._holders.owner_of, names, self._containers, self._vouched
        )
        self._has_names = self._has_names or any(one.container for one in self._services)
        self._is_stale = False
        if any(
            is_for_container(self._holders.owner_of(self._rows[key].inode))
            for key in self._book.appeared
        ):
            self._container_wish_until_s = self._now_s() + _CONTAINER_WISH_S

    def _close_watch(self) -> None:
        if self._closed is not None:
            self._closed.close()
            self._closed = None


def _open_watch() -> ClosedSocketWatch | None:
    try:
        return ClosedSocketWatch()
    except OSError as error:
        logger.info("closed services are found by scans only: %s", error)
        return None
