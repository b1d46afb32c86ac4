"""Where rows come from: sock_diag, or /proc/net where that is missing. Runs on Python 3.9."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from port_linker import clock
from port_linker.scan.netlink import DumpSocket
from port_linker.scan.procfs import ProcFs
from port_linker.scan.procnet import parse_if_inet6, parse_proc_net
from port_linker.scan.rows import TABLES, Row, ScanFormatError, ScanUnavailableError, Table

logger = logging.getLogger(__name__)

# A refused sock_diag is asked again, ever more rarely; /proc/net serves meanwhile.
_RETRY_MIN_S, _RETRY_MAX_S = 1.0, 64.0
_ALWAYS_THERE = ("tcp", "udp")  # tcp6 and udp6 are missing where the kernel knows no IPv6
SOCK_DIAG, PROC_NET = "sock_diag", "proc"


class RowSource:
    """Reads the kernel's four tables, each from the best source that answers."""

    def __init__(
        self,
        proc: ProcFs,
        open_dump: Callable[[], DumpSocket] = DumpSocket,
        now_s: Callable[[], float] = clock.monotonic_s,
    ) -> None:
        self._proc = proc
        self._open_dump = open_dump
        self._now_s = now_s
        self._dump: DumpSocket | None = None
        self._retries: dict[Table, tuple[float, float]] = {}  # when, and the wait before it
        self._texts: dict[Table, tuple[bytes, list[Row]]] = {}
        self._sources: dict[Table, str] = {}

    @property
    def source(self) -> str:
        """Where the last rows came from: "sock_diag", "proc", or "sock_diag+proc"."""
        used = set(self._sources.values())
        return "+".join(name for name in (SOCK_DIAG, PROC_NET) if name in used)

    def read(self) -> list[list[Row]]:
        """Return the rows of the four tables; a table without a change is the same list.

        Raises ScanUnavailableError if neither source answers.
        """
        return [self._read_table(table) for table in TABLES]

    def close(self) -> None:
        """Close the netlink socket; the next read opens another."""
        if self._dump is not None:
            self._dump.close()
            self._dump = None

    def _read_table(self, table: Table) -> list[Row]:
        retry_at_s, waited_s = self._retries.get(table, (0.0, _RETRY_MIN_S / 2))
        if self._now_s() >= retry_at_s:
            try:
                if self._dump is None:
                    self._dump = self._open_dump()
                rows = self._dump.read_table(table)
            except (OSError, ScanFormatError) as error:
                wait_s = min(waited_s * 2, _RETRY_MAX_S)
                logger.info("reading /proc/net/%s for %s s: %s", table.name, wait_s, error)
                self._retries[table] = (self._now_s() + wait_s, wait_s)
                self.close()
            else:
                self._retries.pop(table, None)
                self._sources[table] = SOCK_DIAG
                return rows
        self._sources[table] = PROC_NET
        return self._read_text(table)

    def _read_text(self, table: Table) -> list[Row]:
        try:
            text = self._proc.read_net(table.name)
            if not text and table.name in _ALWAYS_THERE:
                raise ScanFormatError(f"/proc/net/{table.name} is empty or missing")
            before = self._texts.get(table)
            if before is not None and before[0] == text:
                return before[1]
            interfaces = parse_if_inet6(self._proc.read_net("if_inet6")) if b"80FE" in text else {}
            rows = parse_proc_net(text, table.proto, sys.byteorder, interfaces)
        except (OSError, ScanFormatError) as error:
            raise ScanUnavailableError(
                f"the services cannot be listed: {error}",
                hint="the login needs /proc/net, or sock_diag over netlink",
            ) from error
        self._texts[table] = (text, rows)
        return rows
