"""Tells the sidecar what it may dial. I/O; runs on Python 3.9."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from port_linker.agent.dial import plan_dial
from port_linker.errors import PortLinkerError
from port_linker.link import control, reports
from port_linker.link.sidecar import Sidecar
from port_linker.model import Service, ServiceId, format_endpoint
from port_linker.protocol.bound import BoundChanges
from port_linker.tasks import start_task

logger = logging.getLogger(__name__)

MAX_SERVICES = 8000  # a table of the sidecar holds 8,192
MAX_BOUND = 65_536  # far above --max-services; a host may not fill our memory


class Row(NamedTuple):
    """How a service is dialled. owner: whose socket it was when it was scanned."""

    addresses: tuple[str, ...]
    owner: Optional[int] = None


Table = dict[str, Row]


class ServiceTable:
    """The services of the latest scan, and what the sidecar knows of them.

    What the host has bound is in the table before all else; the rest follows as it was scanned, the
    login's own and the system's first, and stands ready for the moment when the host binds it.
    """

    def __init__(self) -> None:
        self._services: Mapping[ServiceId, Service] = {}
        self._bound: set[str] = set()
        self._table: Table = {}
        self._lent: Table = {}
        self._pushed: Table = {}
        self._is_stale = False  # it has changed since it was pushed
        self._pushing: Optional[asyncio.Task[Any]] = None

    def update(self, services: Mapping[ServiceId, Service], sidecar: Optional[Sidecar]) -> None:
        """Take a scan in; push the table to the sidecar if it has changed."""
        self._services = services
        self._fill(sidecar)

    def take_bound(self, changes: Optional[BoundChanges], sidecar: Optional[Sidecar]) -> None:
        """Take in which services the host has bound; push the table if it has changed."""
        if changes is None:
            return
        if changes.is_full:
            self._bound.clear()
        self._bound.difference_update(changes.dropped)
        self._bound.update(changes.added[: max(0, MAX_BOUND - len(self._bound))])
        if len(self._services) > MAX_SERVICES:  # else all of them are in it
            self._fill(sidecar)

    def lend(self, rows: Mapping[str, tuple[str, ...]]) -> None:
        """Let these be dialled too, from the next push on; a service of the agent's own."""
        self._lent = {key: Row(addresses) for key, addresses in rows.items()}

    async def begin(self, sidecar: Sidecar) -> None:
        """Push the whole table to a new sidecar. Raises PortLinkerError."""
        self._pushed, self._is_stale = {**self._table, **self._lent}, False
        await self._send(sidecar)

    def _fill(self, sidecar: Optional[Sidecar]) -> None:
        table = {service.id.key: _row(service) for service in self._choose()}
        if table != self._table:
            self._table, self._is_stale = table, True
        is_pushing = self._pushing is not None and not self._pushing.done()
        if self._is_stale and sidecar is not None and not is_pushing:
            self._pushing = start_task(self._push(sidecar), "quic services")

    def _choose(self) -> list[Service]:
        services = list(self._services.values())
        if len(services) > MAX_SERVICES:
            services.sort(key=lambda service: service.id.key not in self._bound)  # keeps the order
        return services[:MAX_SERVICES]

    async def _push(self, sidecar: Sidecar) -> None:
        """Push what changed. What is gone stays as long as it has flows: they would be reset."""
        while self._is_stale and sidecar.is_running:
            gone = self._pushed.keys() - self._table.keys()
            # What is new goes at once: the host may ask for it as soon as it has heard of it.
            busy = await self._find_busy(sidecar, gone) if gone else set()
            kept = {key: row for key, row in self._pushed.items() if key in gone & busy}
            self._pushed, self._is_stale = {**kept, **self._table, **self._lent}, False
            try:
                await self._send(sidecar)
            except PortLinkerError as error:
                self._is_stale = True  # the next scan, or the next sidecar, tries again
                logger.warning("the sidecar took no table", extra={"reason": error.message})
                return

    async def _send(self, sidecar: Sidecar) -> None:
        rows = dict(list(self._pushed.items())[-MAX_SERVICES:])  # the oldest that are gone leave
        owners = {key: row.owner for key, row in rows.items() if row.owner is not None}
        table = {key: row.addresses for key, row in rows.items()}
        await sidecar.send(control.Services(table, owners))

    async def _find_busy(self, sidecar: Sidecar, gone: set[str]) -> set[str]:
        """Return the services that have flows; all of them if the sidecar does not say."""
        try:
            stats = await sidecar.ask(control.AskStats(), reports.Stats)
        except PortLinkerError as error:
            logger.info("the sidecar does not say what is busy", extra={"reason": error.message})
            return gone
        return {key for key, row in stats.services.items() if row.flows_open}


def _row(service: Service) -> Row:
    addresses = tuple(format_endpoint(host, port) for host, port in plan_dial(service))
    return Row(addresses, service.uid)
