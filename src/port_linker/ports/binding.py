"""Hold the state of each service on this machine, and derive the state that is reported. Pure.

A `ServiceBinding` follows its placement (the local addresses that the service is given):

    wanted ──start_binds──▶ pending ──take_bound────▶ bound ──release_unwanted──▶ (free)
                               │                        │
                               └─take_refusal─▶ failed ◀─┘ hold_back
                                                  │
                                                  └─retry_failed─▶ wanted again

Each local address is in one of the sets `bound`, `pending` and `failed`, or in none of them: then
it is still to be bound, or not wanted. Several addresses of one service fail or succeed one by one,
but a conflict of one holds the others back. `gone_at` runs beside all that: a service that is gone
from the target keeps its sockets for a grace, and is given up at its end.
"""

from __future__ import annotations

import errno as errnos
from collections.abc import Iterator
from dataclasses import dataclass, field

from port_linker.model import Service, ServiceId
from port_linker.ports.commands import ReportService
from port_linker.ports.services import choose_socket
from port_linker.ports.types import (
    HELD_BACK,
    NO_FAMILY,
    NO_ROOM,
    Local,
    Outcome,
    Placement,
    PortHolder,
    ServiceState,
    describe_holder,
)

GRACE_S = 1.0  # a service that restarts is back within this time (design: 1.3 s in all to refusal)
ASKED_GRACE_S = 10.0  # how long a question waits for its service to come back
UNPLANNED = Placement(Outcome.WAITING, reason="not planned yet")
RESTARTING = "closed on the target; leaves in a moment unless it is back"
PAUSED = "waits for contact ({})"


Identity = tuple[int | None, int | None, int | None]  # of a holder: pid, start, uid


@dataclass(frozen=True)
class Failure:
    """Why one local address is not bound."""

    errno: int
    holder: PortHolder | None = None

    @property
    def is_out_of_room(self) -> bool:
        """Return whether the system has no socket left, so that the port is not the cause."""
        return self.errno in NO_ROOM

    @property
    def is_lasting(self) -> bool:
        """Return whether the family does not exist here: the other one is enough."""
        return self.errno in NO_FAMILY

    @property
    def identity(self) -> Identity:
        """Return what tells one holder from another."""
        holder = self.holder or PortHolder()
        return holder.pid, holder.start_ticks, holder.uid


@dataclass
class ServiceBinding:
    """A service, its placement, and what became of it here.

    bound: sockets that exist. pending: asked for, no answer yet. failed: what is wanted and could
    not be bound. retry: failed ones to be tried again. gone_at: end of its grace, None while the
    service is there.
    """

    service: Service
    since: float  # when it appeared, by the clock of `now`
    placement: Placement = UNPLANNED
    bound: set[Local] = field(default_factory=set)
    pending: set[Local] = field(default_factory=set)
    failed: dict[Local, Failure] = field(default_factory=dict)
    retry: set[Local] = field(default_factory=set)
    dials: tuple[tuple[int, ServiceId], ...] = ()  # as bound, by local family
    gone_at: float | None = None
    hold_s: float | None = None
    reported: ReportService | None = None
    note: str | None = None  # why a kill did not help
    conflict_with: Identity | None = None  # reported last
    patience: float | None = None  # until when a port that we ourselves still close is no conflict

    @property
    def id(self) -> ServiceId:
        """Return the service's id."""
        return self.service.id

    @property
    def wanted(self) -> frozenset[Local]:
        """Return the local addresses of its placement."""
        return frozenset(self.placement.locals)

    @property
    def is_settled(self) -> bool:
        """Return whether every bind that was asked for has its answer."""
        return not self.pending

    @property
    def local_port(self) -> int:
        """Return the local port that it is placed on, or the one of the target."""
        return self.placement.locals[0].port if self.placement.locals else self.id.port

    def plan_binds(self) -> tuple[Local, ...]:
        """Return the addresses to be bound now, in the order of the placement."""
        if self.gone_at is not None:
            return ()
        done = self.bound | self.pending | (self.failed.keys() - self.retry)
        return tuple(local for local in self.placement.locals if local not in done)

    def start_binds(self) -> tuple[Local, ...]:
        """Mark the addresses to be bound now as pending; return them."""
        binds = self.plan_binds()
        if binds:
            self.pending |= set(binds)
            self.dials = self.plan_dials()
        return binds

    def plan_dials(self) -> tuple[tuple[int, ServiceId], ...]:
        """Return which socket each local family dials, where that is not the one of its name."""
        if not self.service.others:
            return ()
        dials = {local.family: choose_socket(self.service, local.family) for local in self.wanted}
        return tuple((family, id_) for family, id_ in sorted(dials.items()) if id_ != self.id)

    def take_bound(self, local: Local) -> None:
        """Enter a socket that was bound."""
        self.take_refusal(local)
        self.failed.pop(local, None)
        self.bound.add(local)

    def take_refusal(self, local: Local) -> None:
        """End the bind of an address that was refused."""
        self.pending.discard(local)
        self.retry.discard(local)

    def hold_back(self) -> tuple[Local, ...]:
        """Turn all that is bound into failures; return it."""
        locals_ = tuple(sorted(self.bound))
        self.failed |= dict.fromkeys(locals_, Failure(HELD_BACK))
        self.bound.clear()
        return locals_

    def retry_failed(self) -> None:
        """Bind again what failed and is not pending."""
        self.retry = self.retryable() - self.pending

    def plan_releases(self) -> tuple[Local, ...]:
        """Return the addresses that are bound and no longer wanted, or dial what is gone."""
        gone = {family for family, id_ in self.dials if id_ not in self.service.sockets}
        stale = {local for local in self.bound if local.family in gone}
        return tuple(sorted((self.bound - self.wanted) | stale))

    def release_unwanted(self) -> tuple[Local, ...]:
        """Forget all addresses that the placement no longer has; return those that were bound."""
        releases = self.plan_releases()
        self.bound -= set(releases)
        wanted = self.wanted
        self.pending &= wanted
        self.retry &= wanted
        for local in self.failed.keys() - wanted:
            del self.failed[local]
        return releases

    def retryable(self) -> set[Local]:
        """Return the addresses that may be bound another time."""
        return {local for local, failure in self.failed.items() if not failure.is_lasting}

    def blocking_failure(self) -> tuple[Local, Failure] | None:
        """Return the failure that explains a conflict: one with a holder before others."""
        return min(self.failed.items(), key=_blocks_more, default=None)

    def end_conflict(self) -> None:
        """Forget the conflict that was reported, and what was noted about it."""
        self.conflict_with = self.note = None


class BindingTable:
    """All bindings by service, and those that are marked to be reconciled."""

    def __init__(self) -> None:
        self._bindings: dict[ServiceId, ServiceBinding] = {}
        self.marked: dict[ServiceId, None] = {}

    def __iter__(self) -> Iterator[ServiceBinding]:
        return iter(self._bindings.values())

    def __getitem__(self, id_: ServiceId) -> ServiceBinding:
        return self._bindings[id_]

    def get(self, id_: ServiceId) -> ServiceBinding | None:
        """Return the binding of a service, None if it is not known."""
        return self._bindings.get(id_)

    def add(self, service: Service, now: float) -> ServiceBinding:
        """Return the binding of a service that is there, a new one if it was not known."""
        binding = self._bindings.get(service.id)
        if binding is None:
            binding = self._bindings[service.id] = ServiceBinding(service, since=now)
        binding.service, binding.gone_at = service, None
        return binding

    def drop(self, id_: ServiceId) -> None:
        """Forget a service."""
        del self._bindings[id_]

    def mark(self, id_: ServiceId) -> None:
        """Reconcile this service next time."""
        self.marked[id_] = None

    def mark_all(self) -> None:
        """Reconcile every service next time."""
        self.marked.update(dict.fromkeys(self._bindings))


def derive_report(binding: ServiceBinding, outage: str | None) -> ReportService:
    """Return the one state of a service. outage: its reason, None while a link is up."""
    service, outcome = binding.service, binding.placement.outcome
    reason = binding.placement.reason
    if outcome is Outcome.SKIPPED:
        code = binding.placement.code
        return ReportService(service, ServiceState.SKIPPED, reason=reason, code=code)
    if outcome is Outcome.LOST:
        return ReportService(service, ServiceState.CONFLICT, reason=reason)
    if outcome is Outcome.WAITING:
        return ReportService(service, ServiceState.WAITING, reason=reason)
    if binding.bound:
        return _report_bound(binding, outage)
    if not binding.failed:
        return ReportService(service, ServiceState.WAITING, reason="being bound")
    reason = _join(_explain_conflict(binding), binding.note)
    return ReportService(service, ServiceState.CONFLICT, reason=reason)


def _report_bound(binding: ServiceBinding, outage: str | None) -> ReportService:
    local = tuple(one.text for one in binding.placement.locals if one in binding.bound)
    if binding.gone_at is not None:
        return ReportService(binding.service, ServiceState.DOWN, local, RESTARTING)
    if outage is not None:
        return ReportService(binding.service, ServiceState.DOWN, local, PAUSED.format(outage))
    return ReportService(binding.service, ServiceState.READY, local, binding.placement.reason)


def explain_failure(local: Local, failure: Failure) -> str:
    """Return why one local address is not bound."""
    if failure.errno == errnos.EADDRINUSE:
        return f"{local.text} is held here by {describe_holder(failure.holder)}"
    if failure.errno == errnos.EACCES:
        return f"{local.text} needs privilege here"
    name = errnos.errorcode.get(failure.errno, f"error {failure.errno}")
    return f"{local.text} cannot be bound here ({name})"


def _explain_conflict(binding: ServiceBinding) -> str | None:
    """Return one sentence if one holder has all of the port; leave out what was held back."""
    failed = {lo: failure for lo, failure in binding.failed.items() if failure.errno != HELD_BACK}
    if len(failed) > 1 and len(set(failed.values())) == 1:
        local, failure = next(iter(failed.items()))
        if failure.errno == errnos.EADDRINUSE:
            return f"port {local.port} is held here by {describe_holder(failure.holder)}"
    return _join(*(explain_failure(local, failure) for local, failure in sorted(failed.items())))


def _blocks_more(item: tuple[Local, Failure]) -> tuple[int, Local]:
    """Sort failures: one with a holder first, a family that does not exist last."""
    local, failure = item
    order = (failure.errno != errnos.EADDRINUSE) + 2 * (failure.errno == HELD_BACK)
    return order + 4 * failure.is_lasting, local


def _join(*parts: str | None) -> str | None:
    return "; ".join(part for part in parts if part) or None
