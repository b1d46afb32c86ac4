"""One service as the machine knows it, and the one state that follows from it. Pure."""

from __future__ import annotations

import errno as errnos
from dataclasses import dataclass, field

from port_linker.binding.conflict import NO_FAMILY, NO_ROOM, describe_holder, explain_failure
from port_linker.binding.facts import Holder, Local, Outcome, Verdict
from port_linker.model import Service, ServiceId
from port_linker.session.events import ServiceState

GRACE_S = 1.0  # a service that restarts is back within this time (design: 1.3 s in all to refusal)
OUTAGE_HOLD_S = 10.0  # how long a new connection waits for the link
UNPLANNED = Verdict(Outcome.WAITING, reason="not planned yet")
RESTARTING = "closed on the target; waits a moment for it to come back"


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
    gone_at: float | None = None
    hold_s: float | None = None
    reported: tuple[Service, Report] | None = None
    note: str | None = None  # why a kill did not help
    kills: int = 0
    conflict_with: Identity | None = None  # reported last

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

    def plan_releases(self) -> tuple[Local, ...]:
        """Return the addresses that are bound and no longer wanted."""
        return tuple(sorted(self.bound - self.wanted))

    def forget_unwanted(self) -> None:
        """Drop what is known of addresses that the plan no longer gives."""
        wanted = self.wanted
        self.pending &= wanted
        self.retry &= wanted
        for local in self.failed.keys() - wanted:
            del self.failed[local]

    def blocking_failure(self) -> tuple[Local, Failure] | None:
        """Return the failure that explains a conflict: one with a holder before others."""
        in_use = ((lo, f) for lo, f in sorted(self.failed.items()) if f.errno == errnos.EADDRINUSE)
        return next(in_use, None) or next(iter(sorted(self.failed.items())), None)


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
        return Report(ServiceState.DOWN, local, outage)
    return Report(ServiceState.READY, local, _join(entry.verdict.reason, _explain_failures(entry)))


def _explain_conflict(entry: Entry) -> str | None:
    """One sentence where one holder has all of the port."""
    failures = set(entry.failed.values())
    if len(failures) == 1 and len(entry.failed) > 1:
        (failure,) = failures
        if failure.errno == errnos.EADDRINUSE:
            port = next(iter(entry.failed)).port
            return f"port {port} is held here by {describe_holder(failure.holder)}"
    return _explain_failures(entry)


def _explain_failures(entry: Entry) -> str | None:
    """A family that this machine lacks is no news, as long as the other one is bound."""
    failures = [
        explain_failure(local, failure.errno, failure.holder)
        for local, failure in sorted(entry.failed.items())
        if not (entry.bound and failure.errno in NO_FAMILY)
    ]
    return _join(*failures)


def _join(*parts: str | None) -> str | None:
    return "; ".join(part for part in parts if part) or None
