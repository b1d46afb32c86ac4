"""Tells the sidecar what it may dial. I/O; runs on Python 3.9."""

from __future__ import annotations

import asyncio
from typing import Any, Optional

from port_linker.agent.dial import plan_dial
from port_linker.link import control, reports
from port_linker.link.sidecar import Sidecar
from port_linker.model import Service, ServiceId, format_endpoint
from port_linker.tasks import start_task

MAX_SERVICES = 8000  # a table of the sidecar holds 8,192
Table = dict[str, tuple[str, ...]]


class ServiceTable:
    """The services of the latest scan, and what the sidecar knows of them."""

    def __init__(self) -> None:
        self._table: Table = {}
        self._lent: Table = {}
        self._pushed: Table = {}
        self._is_stale = False  # it has changed since it was pushed
        self._pushing: Optional[asyncio.Task[Any]] = None

    def update(self, services: dict[ServiceId, Service], sidecar: Optional[Sidecar]) -> None:
        """Take a scan in; push the table to the sidecar if it has changed."""
        rows = list(services.values())[:MAX_SERVICES]
        table = {
            row.id.key: tuple(format_endpoint(host, port) for host, port in plan_dial(row))
            for row in rows
        }
        if table == self._table:
            return
        self._table, self._is_stale = table, True
        if sidecar is not None and (self._pushing is None or self._pushing.done()):
            self._pushing = start_task(self._push(sidecar), "quic services")

    def lend(self, rows: Table) -> None:
        """Let these be dialled too, from the next push on; a service of the agent's own."""
        self._lent = rows

    async def begin(self, sidecar: Sidecar) -> None:
        """Push the whole table to a new sidecar."""
        self._pushed, self._is_stale = {**self._table, **self._lent}, False
        await sidecar.send(control.Services(self._pushed))

    async def _push(self, sidecar: Sidecar) -> None:
        """Push what changed. What is gone stays as long as it has flows: they would be reset."""
        while self._is_stale and sidecar.is_running:
            self._is_stale = False
            gone = self._pushed.keys() - self._table.keys()
            # What is new goes at once: the host may ask for it as soon as it has heard of it.
            busy = await self._find_busy(sidecar) if gone else set()
            kept = {key: row for key, row in self._pushed.items() if key in gone & busy}
            self._pushed = {**kept, **self._table, **self._lent}
            await sidecar.send(control.Services(self._pushed))

    async def _find_busy(self, sidecar: Sidecar) -> set[str]:
        stats = await sidecar.ask(control.AskStats(), reports.Stats)
        return {key for key, row in stats.services.items() if row.flows_open}
