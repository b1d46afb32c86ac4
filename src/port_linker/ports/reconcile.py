"""Turn the difference between the bindings and their placements into commands. Pure.

What was marked is reconciled: first all that frees a port, then all that takes one. So two services
may swap their ports within one call, and no order of events needs a case of its own.
"""

from __future__ import annotations

import itertools

from port_linker.model import ServiceId
from port_linker.ports.binding import GRACE_S, BindingTable, ServiceBinding, derive_report
from port_linker.ports.capacity import Admission
from port_linker.ports.commands import (
    BindService,
    Command,
    HoldService,
    ReleaseService,
    ReportService,
    ResetFlows,
    SaveRemaps,
    UnholdService,
)
from port_linker.ports.conflicts import Conflicts
from port_linker.ports.placement import Placements
from port_linker.ports.policy import Policy
from port_linker.ports.timers import Graces
from port_linker.ports.types import Outcome, ServiceState

# Reconciled at a time, in about 6 ms; a target may have 20,000, each with 31 rivals for its port.
# With 250 one turn of the loop took 45 ms, 63 ms beside other programs (hostile `crowds`,
# 2026-11-21).
SLICE = 100  # services
NOT_CONNECTED = "not connected yet"
STAYS_BOUND = "its local port stays bound until the session ends (--hold)"


class Reconciler:
    """Reconcile the bindings that are marked. outage: its reason, None while a link is up."""

    def __init__(
        self,
        policy: Policy,
        bindings: BindingTable,
        placements: Placements,
        admission: Admission,
        conflicts: Conflicts,
    ) -> None:
        self.outage: str | None = NOT_CONNECTED
        self._policy = policy
        self._bindings = bindings
        self._placements = placements
        self._admission = admission
        self._conflicts = conflicts
        self._touched: dict[ServiceId, None] = {}  # that have freed, and may take
        self._graces = Graces()

    def set_policy(self, policy: Policy) -> None:
        """Reconcile every service by another policy."""
        self._policy = policy
        self._bindings.mark_all()

    def mark_absent(self) -> None:
        """Reconcile the services that are gone from the target."""
        for id_ in self._graces.waiting():
            self._bindings.mark(id_)

    def mark_ended(self, now: float) -> None:
        """Reconcile the services whose grace is over."""
        for id_ in self._graces.ended(now):
            self._bindings.mark(id_)

    def next_end(self) -> float | None:
        """Return when the next grace is over."""
        return self._graces.next_end()

    @property
    def has_rest(self) -> bool:
        """Return whether there was more to reconcile than one call does."""
        return bool(self._bindings.marked or self._touched or self._placements.has_rest)

    def reconcile(self, now: float) -> list[Command]:
        """Return what is to be done: what frees a port stands before what takes one.

        Of very many services a slice per call, and none takes before all have freed.
        """
        freeing: list[Command] = []
        taking: list[Command] = []
        marked = self._bindings.marked
        left = SLICE
        while left > 0 and (self._take_placements() or marked):
            for id_ in _pop_some(marked, left):
                binding = self._bindings.get(id_)
                if binding is not None:
                    self._touched[id_] = None
                    freeing += self._free(binding, now)
                    left -= 1
        if not marked and not self._placements.has_rest:
            for id_ in _pop_some(self._touched, SLICE):
                binding = self._bindings.get(id_)
                if binding is not None:
                    taking += self._take(binding)
        remaps = self._placements.take_remembered()
        return freeing + taking + ([] if remaps is None else [SaveRemaps(remaps)])

    def _take_placements(self) -> bool:
        changed = self._admission.admit(self._placements.replan(SLICE))
        for id_, placement in changed.items():
            self._bindings[id_].placement = placement
            self._bindings.mark(id_)
        return bool(changed)

    def _free(self, binding: ServiceBinding, now: float) -> list[Command]:
        commands: list[Command] = []
        if binding.bound and binding.placement.outcome is Outcome.SKIPPED:
            commands.append(ResetFlows(binding.id))  # the port is another's now
        releases = binding.release_unwanted()
        if releases:
            commands.append(ReleaseService(binding.id, releases))
        commands += self._conflicts.follow_placement(binding, now)
        if binding.gone_at is None:
            self._graces.drop(binding.id)
        elif now >= binding.gone_at or not (binding.bound or self._conflicts.is_asked(binding)):
            commands += self._end(binding)
        else:
            self._graces.put(binding.id, binding.gone_at)
        return commands

    def _end(self, binding: ServiceBinding) -> list[Command]:
        commands: list[Command] = []
        if binding.hold_s is not None and self._placements.has_other_owner(binding.id):
            # Connections that wait must not reach another user's service.
            commands.append(ResetFlows(binding.id))
        if binding.bound:
            commands.append(ReleaseService(binding.id, tuple(sorted(binding.bound))))
        if binding.hold_s is not None:
            commands.append(UnholdService(binding.id))
        commands += self._conflicts.drop(binding.id)
        if binding.reported is not None:
            reason = STAYS_BOUND if binding.bound and self._policy.hold else None
            commands.append(ReportService(binding.service, ServiceState.GONE, reason=reason))
        self._graces.drop(binding.id)
        self._bindings.drop(binding.id)
        self._placements.drop(binding.id)
        self._admission.drop(binding.id)
        return commands

    def _take(self, binding: ServiceBinding) -> list[Command]:
        commands = self._hold(binding)
        binds = binding.start_binds()
        if binds:
            commands.append(BindService(binding.id, binds, binding.dials))
        if binding.is_settled and not self._conflicts.is_closing(binding):
            commands += self._report(binding)
        return commands

    def _hold(self, binding: ServiceBinding) -> list[Command]:
        hold_s = None
        if binding.bound:
            hold_s = GRACE_S if binding.gone_at is not None else self._outage_hold_s()
        if hold_s == binding.hold_s:
            return []
        binding.hold_s = hold_s
        return [UnholdService(binding.id) if hold_s is None else HoldService(binding.id, hold_s)]

    def _outage_hold_s(self) -> float | None:
        return None if self.outage is None else self._policy.outage_hold_s

    def _report(self, binding: ServiceBinding) -> list[Command]:
        report = derive_report(binding, self.outage)
        if binding.reported == report:
            return []
        binding.reported = report
        return [report]


def _pop_some(ids: dict[ServiceId, None], most: int) -> list[ServiceId]:
    """Remove the first ids and return them."""
    some = list(itertools.islice(ids, most))
    for id_ in some:
        del ids[id_]
    return some
