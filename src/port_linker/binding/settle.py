"""The difference between what is and what shall be, as commands. Pure."""

from __future__ import annotations

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
from port_linker.binding.entry import GRACE_S, OUTAGE_HOLD_S, Entry, Report, derive_report
from port_linker.binding.facts import Outcome
from port_linker.binding.plan import Planner
from port_linker.model import ServiceId
from port_linker.session.events import ServiceState

NOT_CONNECTED = "not connected yet"


class Settler:
    """Settles the services that are marked. outage: its reason, None while a link is up."""

    def __init__(
        self, entries: dict[ServiceId, Entry], planner: Planner, disputes: Disputes
    ) -> None:
        self.outage: str | None = NOT_CONNECTED
        self._entries = entries
        self._planner = planner
        self._disputes = disputes
        self._dirty: dict[ServiceId, None] = {}
        self._absent: dict[ServiceId, float] = {}  # end of the grace, soonest first

    def mark(self, id_: ServiceId) -> None:
        """Settle this service next time."""
        self._dirty[id_] = None

    def mark_all(self) -> None:
        """Settle every service next time."""
        self._dirty.update(dict.fromkeys(self._entries))

    def mark_ended(self, now: float) -> None:
        """Settle the services whose grace is over."""
        for id_, gone_at in self._absent.items():
            if gone_at > now:
                return
            self.mark(id_)

    def next_end(self) -> float | None:
        """When the next grace is over."""
        return next(iter(self._absent.values()), None)

    def settle(self, now: float) -> list[Command]:
        """Return what is to be done: what frees a port stands before what takes one."""
        freeing: list[Command] = []
        taking: list[Command] = []
        touched: dict[ServiceId, Entry] = {}
        while self._take_verdicts() or self._dirty:
            dirty, self._dirty = self._dirty, {}
            for id_ in dirty:
                entry = self._entries.get(id_)
                if entry is None:
                    continue
                touched[id_] = entry
                freeing += self._free(entry, now)
        for id_, entry in touched.items():
            if id_ in self._entries:
                taking += self._take(entry)
        remaps = self._planner.groups.claims.take_remembered()
        return freeing + taking + ([] if remaps is None else [SaveRemaps(remaps)])

    def _take_verdicts(self) -> bool:
        verdicts = self._planner.replan()
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
            self._absent.pop(entry.id, None)
        elif now >= entry.gone_at or not entry.bound:
            commands += self._end(entry)
        elif self._absent.get(entry.id) != entry.gone_at:
            self._absent.pop(entry.id, None)  # the latest end belongs at the end
            self._absent[entry.id] = entry.gone_at
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
            commands.append(ReportService(entry.service, ServiceState.GONE))
        self._absent.pop(entry.id, None)
        del self._entries[entry.id]
        self._planner.drop(entry.id)
        return commands

    def _take(self, entry: Entry) -> list[Command]:
        commands = self._hold(entry)
        binds = entry.plan_binds()
        if binds:
            entry.pending |= set(binds)
            commands.append(BindService(entry.id, binds))
        if entry.is_settled:
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
        return None if self.outage is None else OUTAGE_HOLD_S

    def _report(self, entry: Entry, report: Report) -> list[Command]:
        if entry.reported == (entry.service, report):
            return []
        entry.reported = (entry.service, report)
        return [ReportService(entry.service, report.state, report.local, report.reason)]
