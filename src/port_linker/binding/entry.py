"""One service as the machine knows it, and the one state that follows from it. Pure."""

from __future__ import annotations

import errno as errnos
from dataclasses import dataclass, field

from port_linker.binding.conflict import (
    HELD_BACK,
    NO_FAMILY,
    NO_ROOM,
    describe_holder,
    explain_failure,
)
from port_linker.binding.facts import Holder, Local, Outcome, Verdict
from port_linker.binding.families import choose_socket
from port_linker.model import Service, ServiceId
from port_linker.session.events import ServiceState

GRACE_S = 1.0  # a service that restarts is back within this time (design: 1.3 s in all to refusal)
ASKED_GRACE_S = 10.0  # how long a question waits for its service to come back
UNPLANNED = Verdict(Outcome.WAITING, reason="not planned yet")
RESTARTING = "closed on the target; leaves in a moment unless it is back"
PAUSED = "waits for contact ({})"


Identity = tuple[int | None, int | None, int | None]  # of a holder: pid, start, uid


@dataclass(frozen=True)
class Failure:
    """Why one local address is not bound."""

    errno: int
    holder: Holder | None = None

    @property
    def is_out_of_room(self) -> bool:
        """Whether the system has no socket left, rather than the port being the trouble."""
        return self.errno in NO_ROOM

    @property
    def is_lasting(self) -> bool:
        """Whether the family does not exist here: the other one is enough, trying again is not."""
        return self.errno in NO_FAMILY

    @property
    def identity(self) -> Identity:
        """What tells one holder from another."""
        holder = self.holder or Holder()
        return holder.pid, holder.start_ticks, holder.uid


@dataclass(frozen=True)
class Report:
    """What was, or is to be, reported of a service."""

    state: ServiceState
    local: tuple[str, ...] = ()
    reason: str | None = None


@dataclass
class Entry:
    """A service and what became of it here.

    bound: sockets that exist. pending: asked for, no answer yet. failed: what is wanted and not
    had. retry: failed ones to be tried again. gone_at: end of its grace, None while it is there.
    """

    service: Service
    since: float  # when it appeared, by the clock of `now`
    verdict: Verdict = UNPLANNED
    bound: set[Local] = field(default_factory=set)
    pending: set[Local] = field(default_factory=set)
    failed: dict[Local, Failure] = field(default_factory=dict)
    retry: set[Local] = field(default_factory=set)
    dials: tuple[tuple[int, ServiceId], ...] = ()  # as bound, by local family
    gone_at: float | None = None
    hold_s: float | None = None
    reported: tuple[Service, Report] | None = None
    note: str | None = None  # why a kill did not help
    conflict_with: Identity | None = None  # reported last
    patience: float | None = None  # until when a port that we ourselves still close is no conflict

    @property
    def id(self) -> ServiceId:
        """The service's name."""
        return self.service.id

    @property
    def wanted(self) -> frozenset[Local]:
        """The local addresses that the plan gives it."""
        return frozenset(self.verdict.locals)

    @property
    def is_settled(self) -> bool:
        """Whether every bind that was asked for has its answer."""
        return not self.pending

    def plan_binds(self) -> tuple[Local, ...]:
        """Return the addresses to be bound now, in the order of the plan."""
        if self.gone_at is not None:
            return ()
        done = self.bound | self.pending | (self.failed.keys() - self.retry)
        return tuple(local for local in self.verdict.locals if local not in done)

    def plan_dials(self) -> tuple[tuple[int, ServiceId], ...]:
        """Return which socket each local family dials, where that is not the one of its name."""
        if not self.service.others:
            return ()
        dials = {local.family: choose_socket(self.service, local.family) for local in self.wanted}
        return tuple((family, id_) for family, id_ in sorted(dials.items()) if id_ != self.id)

    def plan_releases(self) -> tuple[Local, ...]:
        """Return the addresses that are bound and no longer wanted, or dial what is gone."""
        gone = {family for family, id_ in self.dials if id_ not in self.service.sockets}
        stale = {local for local in self.bound if local.family in gone}
        return tuple(sorted((self.bound - self.wanted) | stale))

    def forget_unwanted(self) -> None:
        """Drop what is known of addresses that the plan no longer gives."""
        wanted = self.wanted
        self.pending &= wanted
        self.retry &= wanted
        for local in self.failed.keys() - wanted:
            del self.failed[local]

    def retryable(self) -> set[Local]:
        """Return the addresses that may be had another time."""
        return {local for local, failure in self.failed.items() if not failure.is_lasting}

    def blocking_failure(self) -> tuple[Local, Failure] | None:
        """Return the failure that explains a conflict: one with a holder before others."""
        return min(self.failed.items(), key=_blocks_more, default=None)


def derive_report(entry: Entry, outage: str | None) -> Report:
    """Return the one state that a service has. outage: its reason, None while a link is up."""
    outcome, reason = entry.verdict.outcome, entry.verdict.reason
    if outcome is Outcome.SKIPPED:
        return Report(ServiceState.SKIPPED, reason=reason)
    if outcome is Outcome.LOST:
        return Report(ServiceState.CONFLICT, reason=reason)
    if outcome is Outcome.WAITING:
        return Report(ServiceState.WAITING, reason=reason)
    if entry.bound:
        return _report_bound(entry, outage)
    if not entry.failed:
        return Report(ServiceState.WAITING, reason="being bound")
    return Report(ServiceState.CONFLICT, reason=_join(_explain_conflict(entry), entry.note))


def _report_bound(entry: Entry, outage: str | None) -> Report:
    local = tuple(one.text for one in entry.verdict.locals if one in entry.bound)
    if entry.gone_at is not None:
        return Report(ServiceState.DOWN, local, RESTARTING)
    if outage is not None:
        return Report(ServiceState.DOWN, local, PAUSED.format(outage))
    return Report(ServiceState.READY, local, entry.verdict.reason)


def _explain_conflict(entry: Entry) -> str | None:
    """One sentence where one holder has all of the port; what was held back explains nothing."""
    failed = {lo: failure for lo, failure in entry.failed.items() if failure.errno != HELD_BACK}
    if len(failed) > 1 and len(set(failed.values())) == 1:
        local, failure = next(iter(failed.items()))
        if failure.errno == errnos.EADDRINUSE:
            return f"port {local.port} is held here by {describe_holder(failure.holder)}"
    return _join(
        *(explain_failure(lo, one.errno, one.holder) for lo, one in sorted(failed.items()))
    )


def _blocks_more(item: tuple[Local, Failure]) -> tuple[int, Local]:
    """Sort what keeps a service out: a holder first, a family that does not exist last."""
    local, failure = item
    order = (failure.errno != errnos.EADDRINUSE) + 2 * (failure.errno == HELD_BACK)
    return order + 4 * failure.is_lasting, local


def _join(*parts: str | None) -> str | None:
    return "; ".join(part for part in parts if part) or None
