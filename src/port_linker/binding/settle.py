"""The difference between what is and what shall be, as commands. Pure."""

from __future__ import annotations

import itertools

from port_linker.binding.commands import (
    BindService,
    Command,
    HoldService,
    ReleaseService,
    ReportService,
    ResetFlows,
    SaveRemaps,
    UnholdService,
)
from port_linker.binding.disputes import Disputes
from port_linker.binding.entry import GRACE_S, Entry, Report, derive_report
from port_linker.binding.facts import Outcome
from port_linker.binding.graces import Graces
from port_linker.binding.plan import Planner
from port_linker.model import ServiceId
from port_linker.session.events import ServiceState

# Settled at a time, in about 6 ms; a target may have 20,000, each with 31 rivals for its port. With
# 250 one turn of the loop took 45 ms, 63 ms beside other programs (hostile `crowds`, 2026-11-21).
SLICE = 100  # services
NOT_CONNECTED = "not connected yet"
STAYS_BOUND = "its local port stays bound until the session ends (--hold)"


class Settler:
    """Settles the services that are marked. outage: its reason, None while a link is up."""

    def __init__(
        self,
        entries: dict[ServiceId, Entry],
        planner: Planner,
        disputes: Disputes,
        holds: bool = False,
    ) -> None:
        self.outage: str | None = NOT_CONNECTED
        self._entries = entries
        self._planner = planner
        self._disputes = disputes
        self._holds = holds
        self._dirty: dict[ServiceId, None] = {}
        self._touched: dict[ServiceId, None] = {}  # that have freed, and may take
        self._graces = Graces()

    def mark(self, id_: ServiceId) -> None:
        """Settle this service next time."""
        self._dirty[id_] = None

    def mark_all(self) -> None:
        """Settle every service next time."""
        self._dirty.update(dict.fromkeys(self._entries))

    def mark_absent(self) -> None:
        """Settle the services that are gone from the target."""
        self._dirty.update(dict.fromkeys(self._graces.waiting()))

    def mark_ended(self, now: float) -> None:
        """Settle the services whose grace is over."""
        for id_ in self._graces.ended(now):
            self.mark(id_)

    def next_end(self) -> float | None:
        """When the next grace is over."""
        return self._graces.next_end()

    @property
    def has_rest(self) -> bool:
        """Whether there was more to settle than one call does."""
        return bool(self._dirty or self._touched or self._planner.has_rest)

    def settle(self, now: float) -> list[Command]:
        """Return what is to be done: what frees a port stands before what takes one.

        Of very many services a slice at a time, and none takes before all have freed.
        """
        freeing: list[Command] = []
        taking: list[Command] = []
        left = SLICE
        while left > 0 and (self._take_verdicts() or self._dirty):
            for id_ in _pop_some(self._dirty, left):
                entry = self._entries.get(id_)
                if entry is not None:
                    self._touched[id_] = None
                    freeing += self._free(entry, now)
                    left -= 1
        if not self._dirty and not self._planner.has_rest:
            for id_ in _pop_some(self._touched, SLICE):
                if id_ in self._entries:
                    taking += self._take(self._entries[id_])
        remaps = self._planner.groups.claims.take_remembered()
        return freeing + taking + ([] if remaps is None else [SaveRemaps(remaps)])

    def _take_verdicts(self) -> bool:
        verdicts = self._planner.replan(SLICE)
        for id_, verdict in verdicts.items():
            self._entries[id_].verdict = verdict
            self.mark(id_)
        return bool(verdicts)

    def _free(self, entry: Entry, now: float) -> list[Command]:
        releases = entry.plan_releases()
        commands: list[Command] = []
        if entry.bound and entry.verdict.outcome is Outcome.SKIPPED:
            commands.append(ResetFlows(entry.id))  # the port is another's now
        if releases:
            commands.append(ReleaseService(entry.id, releases))
            entry.bound -= set(releases)
        entry.forget_unwanted()
        commands += self._disputes.tidy(entry, now)
        if entry.gone_at is None:
            self._graces.drop(entry.id)
        elif now >= entry.gone_at or not (entry.bound or self._disputes.is_asked(entry)):
            commands += self._end(entry)
        else:
            self._graces.put(entry.id, entry.gone_at)
        return commands

    def _end(self, entry: Entry) -> list[Command]:
        commands: list[Command] = []
        if entry.hold_s is not None and self._planner.groups.has_other_owner(entry.id):
            commands.append(
                ResetFlows(entry.id)
            )  # those that wait must not reach another's service
        if entry.bound:
            commands.append(ReleaseService(entry.id, tuple(sorted(entry.bound))))
        if entry.hold_s is not None:
            commands.append(UnholdService(entry.id))
        commands += self._disputes.drop(entry)
        if entry.reported is not None:
            reason = STAYS_BOUND if entry.bound and self._holds else None
            commands.append(ReportService(entry.service, ServiceState.GONE, reason=reason))
        self._graces.drop(entry.id)
        del self._entries[entry.id]
        self._planner.drop(entry.id)
        return commands

    def _take(self, entry: Entry) -> list[Command]:
        commands = self._hold(entry)
        binds = entry.plan_binds()
        if binds:
            entry.pending |= set(binds)
            entry.dials = entry.plan_dials()
            commands.append(BindService(entry.id, binds, entry.dials))
        if entry.is_settled and not self._disputes.is_closing(entry):
            commands += self._report(entry, derive_report(entry, self.outage))
        return commands

    def _hold(self, entry: Entry) -> list[Command]:
        hold_s = None
        if entry.bound:
            hold_s = GRACE_S if entry.gone_at is not None else self._outage_hold_s()
        if hold_s == entry.hold_s:
            return []
        entry.hold_s = hold_s
        return [UnholdService(entry.id) if hold_s is None else HoldService(entry.id, hold_s)]

    def _outage_hold_s(self) -> float | None:
        return None if self.outage is None else self._planner.outage_hold_s

    def _report(self, entry: Entry, report: Report) -> list[Command]:
        if entry.reported == (entry.service, report):
            return []
        entry.reported = (entry.service, report)
        return [ReportService(entry.service, report.state, report.local, report.reason)]


def _pop_some(ids: dict[ServiceId, None], most: int) -> list[ServiceId]:
    """Take the first ones out."""
    some = list(itertools.islice(ids, most))
    for id_ in some:
        del ids[id_]
    return some
