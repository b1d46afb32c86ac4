"""The QUIC link, host end: hands bindings to the sidecar, which carries their flows. I/O.

No payload passes through here. Work for the sidecar is done in order by one task, so that callers
never wait; with no sidecar attached there is nothing to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from port_linker.errors import PortLinkerError
from port_linker.link import control, reports
from port_linker.link.faults import SidecarFailed
from port_linker.link.interface import Binding, LinkKind, Traffic
from port_linker.link.sidecar import Sidecar
from port_linker.model import ServiceId, parse_service_key
from port_linker.tasks import start_task, stop_task

logger = logging.getLogger(__name__)

OnAdopted = Callable[[bool], None]
RETRY_S = 0.05  # a sidecar that has just connected may not be ready to adopt yet
TRIES = 3
KEPT_COUNTERS = 4096  # of services, those that are gone included; the oldest leave first


@dataclass(frozen=True)
class _Adopt:
    number: int
    binding: Binding
    on_done: OnAdopted


@dataclass(frozen=True)
class _Release:
    number: int


@dataclass(frozen=True)
class _Reset:
    service: str | None


_Work = _Adopt | _Release | _Reset


class QuicLink:
    """Carries flows for the bindings it was given, while a connected sidecar is attached."""

    kind = LinkKind.QUIC

    def __init__(self) -> None:
        self._sidecar: Sidecar | None = None
        self._numbers: dict[tuple[ServiceId, str], int] = {}
        self._last_number = 0
        self._unasked: set[int] = set()  # those whose turn has not come
        self._work: asyncio.Queue[_Work] = asyncio.Queue()  # bounded by the bindings there may be
        self._worker: asyncio.Task[None] | None = None
        self._past: dict[ServiceId, Traffic] = {}  # of sidecars that have ended
        self._present: dict[ServiceId, reports.ServiceStats] = {}

    # The sidecar

    @property
    def sidecar(self) -> Sidecar | None:
        """The one that is attached."""
        return self._sidecar

    def attach(self, sidecar: Sidecar) -> None:
        """Work with this sidecar from now on; it is connected."""
        self._sidecar = sidecar
        self._worker = start_task(self._run(sidecar), "quic link")

    async def detach(self) -> None:
        """The sidecar is gone, and with it every flow; nothing is adopted any more."""
        self._sidecar = None
        worker, self._worker = self._worker, None
        if worker is not None:
            await stop_task(worker)
        self._numbers.clear()
        self._unasked.clear()
        while not self._work.empty():
            work = self._work.get_nowait()
            if isinstance(work, _Adopt):
                work.on_done(False)
        for service, row in self._present.items():
            _add(self._past.setdefault(service, Traffic()), row)
            self._past[service].flows_open = 0
        _forget_oldest(self._past)
        self._present = {}

    def set_stats(self, stats: reports.Stats) -> None:
        """Take the sidecar's counters in."""
        for key, row in stats.services.items():
            if key == control.DOOR:
                continue  # the stdio link, whose flows are counted by itself
            try:
                self._present[parse_service_key(key)] = row
            except ValueError:
                logger.debug("a counter of an unknown service", extra={"service": key})
        _forget_oldest(self._present)

    # Link

    def adopt(self, binding: Binding, on_done: OnAdopted = lambda _is_done: None) -> None:
        """Start to take connections or datagrams from this binding.

        on_done: hears whether the sidecar has it.
        """
        if self._sidecar is None:
            on_done(False)
            return
        self._last_number += 1
        self._numbers[_key(binding)] = self._last_number
        self._unasked.add(self._last_number)
        self._work.put_nowait(_Adopt(self._last_number, binding, on_done))

    def release(self, binding: Binding) -> None:
        """Stop to take new ones; flows that are open go on. The socket stays open."""
        number = self._numbers.pop(_key(binding), None)
        if number is None or number in self._unasked or self._sidecar is None:
            return  # the sidecar never gets it, however fast services come and go
        self._work.put_nowait(_Release(number))

    def hold(self, service: ServiceId, deadline_s: float | None) -> None:
        """A held service belongs to the stdio link; the switch sees to it."""

    def reset_flows(self, service: ServiceId | None = None) -> None:
        """Reset the flows of one service, or all of them."""
        if self._sidecar is not None:
            self._work.put_nowait(_Reset(None if service is None else service.key))

    def traffic(self) -> dict[ServiceId, Traffic]:
        """Return the counters by service, of all sidecars so far."""
        found = {service: Traffic(**vars(row)) for service, row in self._past.items()}
        for service, row in self._present.items():
            _add(found.setdefault(service, Traffic()), row)
        return found

    async def close(self) -> None:
        """End every flow and free what the link holds."""
        await self.detach()

    # One task does the work in order

    async def _run(self, sidecar: Sidecar) -> None:
        while True:
            work = await self._work.get()
            try:
                await self._do(sidecar, work)
            except PortLinkerError as error:
                logger.warning("the sidecar refused", extra={"reason": error.message})

    async def _do(self, sidecar: Sidecar, work: _Work) -> None:
        match work:
            case _Adopt(number, binding, on_done):
                self._unasked.discard(number)
                is_wanted = self._numbers.get(_key(binding)) == number
                is_adopted = is_wanted and await self._adopt(sidecar, number, binding)
                on_done(is_adopted)
            case _Release(number):
                await sidecar.ask(control.Release(number), reports.Released)
            case _Reset(service):
                await sidecar.send(control.ResetFlows(service))

    async def _adopt(self, sidecar: Sidecar, number: int, binding: Binding) -> bool:
        command = control.Adopt(number, binding.service.key, binding.accepts is not None)
        for left in reversed(range(TRIES)):
            descriptor = binding.sock.fileno()
            if descriptor < 0:
                return False  # closed meanwhile
            try:
                await sidecar.ask(command, reports.Adopted, [descriptor])
            except SidecarFailed as error:
                if error.fault != "not-connected" or not left:
                    logger.warning("a binding stays on stdio", extra={"reason": error.message})
                    # It may take the socket yet: what is behind in its queue makes it let go.
                    with contextlib.suppress(SidecarFailed):
                        await sidecar.send(control.Release(number))
                    return False
            else:
                return True
            await asyncio.sleep(RETRY_S)
        return False


def _key(binding: Binding) -> tuple[ServiceId, str]:
    return binding.service, binding.local


def _forget_oldest(rows: dict[ServiceId, Any]) -> None:
    """Drop counters past KEPT_COUNTERS of services that have no open flow."""
    if len(rows) > KEPT_COUNTERS:
        idle = [service for service, row in rows.items() if not row.flows_open]
        for service in idle[: len(rows) - KEPT_COUNTERS]:
            del rows[service]


def _add(traffic: Traffic, row: reports.ServiceStats) -> None:
    traffic.up_bytes += row.up_bytes
    traffic.down_bytes += row.down_bytes
    traffic.flows_open += row.flows_open
    traffic.flows_total += row.flows_total
    traffic.refused += row.refused
