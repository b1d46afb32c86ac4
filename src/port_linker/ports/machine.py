"""Decide what is bound for which service: events in, commands out. Pure.

Each event changes bindings, placements or conflicts and marks the services that it concerns;
reconcile.py then turns the difference between what is bound and what is placed into commands. So no
order of events needs a case of its own. The path of a service through the room:

    services.py    sockets of the target become services
    placement.py   each service is placed on local addresses, or skipped (policy.py)
    capacity.py    what exceeds the limits waits
    binding.py     what became of it here, and the state that is reported
    reconcile.py   the commands that follow
    conflicts.py   what is done when a port is held here
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from port_linker.model import Service, ServiceId
from port_linker.ports import events as ev
from port_linker.ports.binding import (
    ASKED_GRACE_S,
    GRACE_S,
    BindingTable,
    Failure,
    ServiceBinding,
    derive_report,
)
from port_linker.ports.capacity import Admission
from port_linker.ports.commands import Command, ReleaseService, ReportService, WakeAt
from port_linker.ports.conflicts import Conflicts
from port_linker.ports.placement import Placements
from port_linker.ports.policy import Policy
from port_linker.ports.reconcile import SLICE, Reconciler
from port_linker.ports.services import Sockets
from port_linker.ports.types import LocalFacts
from port_linker.scan.owners import is_other_person

RELAX_S = 30.0  # after the system refused a socket, no more are tried before this


class PortMachine:
    """Decide what this machine binds. `now` is in seconds, monotonic.

    remembered: ports that stood in last time, by service key.
    """

    def __init__(
        self, policy: Policy, local: LocalFacts, remembered: Mapping[str, int] | None = None
    ) -> None:
        self._bindings = BindingTable()
        self._placements = Placements(policy, local, remembered or {})
        self._admission = Admission(local.max_services, local.fd_services)
        parts = self._bindings, self._placements, self._admission
        self._conflicts = Conflicts(policy, local, *parts)
        self._reconciler = Reconciler(policy, *parts, self._conflicts)
        self._sockets = Sockets(self._gives_way)
        self._login_uid: int | None = None
        self._wake_at: float | None = None
        self._relax_at: float | None = None

    def handle(self, event: ev.Event, now: float) -> list[Command]:
        """Take one event in, return what is to be done, in order."""
        commands = self._apply(event, now)
        commands += self._reconciler.reconcile(now)
        return commands + self._plan_wake(now)

    def has_answer(self, id_: ServiceId) -> bool:
        """Return whether there is an answer about a service that can be taken back."""
        return self._bindings.get(id_) is not None and self._placements.has_answer(id_)

    def services(self) -> dict[ServiceId, ReportService]:
        """Return the state of every known service."""
        outage = self._reconciler.outage
        return {binding.id: derive_report(binding, outage) for binding in self._bindings}

    def _apply(self, event: ev.Event, now: float) -> list[Command]:
        match event:
            case ev.LinkUp():
                self._on_link_up(event)
            case ev.LinkDown(reason):
                self._reconciler.outage = reason
                self._bindings.mark_all()
            case ev.LimitsChanged(max_services, fd_services):
                self._admission.set_limits(max_services, fd_services)
            case ev.ServicesChanged():
                self._take_changes(self._sockets.take(event), now)
            case ev.BindDone():
                return self._on_bind_done(event)
            case ev.BindFailed():
                return self._on_bind_failed(event, now)
            case ev.KillDone():
                self._on_kill_done(event)
            case ev.Ticked():
                return self._on_ticked(now)
            case _:
                return self._on_person(event, now)
        return []

    def _on_link_up(self, event: ev.LinkUp) -> None:
        self._reconciler.outage = None
        self._login_uid = event.target.login_uid
        self._placements.set_target(event.target)
        self._bindings.mark_all()

    def _take_changes(self, event: ev.ServicesChanged, now: float) -> None:
        for id_ in event.vanished:
            self._vanish(id_, now)
        for service in sorted(event.appeared, key=_by_port):
            self._appear(service, now)
        for service in event.changed:
            self._appear(service, now)

    def _appear(self, service: Service, now: float) -> None:
        self._bindings.add(service, now)
        self._placements.put(service)
        self._bindings.mark(service.id)

    def _gives_way(self, socket: Service) -> bool:
        """Return whether a socket may be dropped: it is another person's and not bound here."""
        binding = self._bindings.get(socket.id)
        is_bound = binding is not None and bool(binding.bound)
        return is_other_person(socket, self._login_uid) and not is_bound

    def _vanish(self, id_: ServiceId, now: float) -> None:
        binding = self._bindings.get(id_)
        if binding is None or binding.gone_at is not None:
            return
        binding.gone_at = now + (ASKED_GRACE_S if self._conflicts.is_asked(binding) else GRACE_S)
        self._placements.put(binding.service, is_present=False)
        self._bindings.mark(id_)

    def _on_bind_done(self, event: ev.BindDone) -> list[Command]:
        binding = self._bindings.get(event.service)
        if binding is not None and event.local in binding.bound:
            return []
        if binding is None or event.local not in binding.pending:
            return [ReleaseService(event.service, (event.local,))]  # no longer wanted
        binding.take_bound(event.local)
        self._admission.unpark(binding.id)
        self._bindings.mark(binding.id)
        return self._conflicts.take_bound(binding)

    def _on_bind_failed(self, event: ev.BindFailed, now: float) -> list[Command]:
        binding = self._bindings.get(event.service)
        if binding is None or event.local not in binding.pending:
            return []
        binding.take_refusal(event.local)
        self._bindings.mark(binding.id)
        failure = Failure(event.errno, event.holder)
        if failure.is_out_of_room and not binding.bound:
            if binding.id in self._admission:  # else it was put out with the first that failed
                self._lower_limit(binding, now)
            return []
        return self._conflicts.take_failure(binding, event.local, failure, now)

    def _lower_limit(self, binding: ServiceBinding, now: float) -> None:
        """Stop admitting services; binds that have no answer yet will fail the same way."""
        unbound = [one.id for one in self._bindings if one.pending and not one.bound]
        self._admission.lower_limit([binding.id, *unbound])
        self._relax_at = now + RELAX_S

    def _on_person(self, event: ev.PersonEvent, now: float) -> list[Command]:
        match event:
            case ev.Answered(question, choice):
                self._reconciler.mark_absent()  # what waited for this answer alone is given up
                return self._conflicts.take_answer(question, choice, now)
            case ev.Unanswered(question):
                self._reconciler.mark_absent()
                return self._conflicts.take_silence(question, now)
            case ev.AnswerTakenBack(service):
                self._take_back(service)
            case ev.ChoiceMade(service, choice):
                return self._conflicts.take_choice(service, choice, now)
            case ev.PolicyChanged(policy):
                self._placements.set_policy(policy)
                self._reconciler.set_policy(policy)
                return self._conflicts.set_policy(policy, now)
            case _:
                assert_never(event)
        return []

    def _take_back(self, id_: ServiceId) -> None:
        binding = self._bindings.get(id_)
        if binding is not None and self._placements.take_back(id_):
            self._conflicts.take_back(binding)
            self._bindings.mark(id_)

    def _on_kill_done(self, event: ev.KillDone) -> None:
        binding = self._bindings.get(event.service)
        if binding is not None:
            self._bindings.mark(binding.id)
            self._conflicts.take_kill(binding, event.is_ok, event.detail)

    def _on_ticked(self, now: float) -> list[Command]:
        self._wake_at = None
        if self._sockets.has_unnamed:  # now, since the list may go on in the next event
            self._take_changes(self._sockets.drop_unnamed(SLICE), now)
        self._reconciler.mark_ended(now)
        if self._relax_at is not None and now >= self._relax_at:
            self._relax_at = None
            self._admission.relax()
        for id_ in self._conflicts.pick_retries(now):
            self._bindings.mark(id_)
        return self._conflicts.ask_due(now)

    def _plan_wake(self, now: float) -> list[Command]:
        rest = now if self._reconciler.has_rest or self._sockets.has_unnamed else None
        times = (self._reconciler.next_end(), self._conflicts.next_due(), self._relax_at, rest)
        due = min((time for time in times if time is not None), default=None)
        if due is None or (self._wake_at is not None and now < self._wake_at <= due):
            return []
        self._wake_at = due
        return [WakeAt(due)]


def _by_port(service: Service) -> tuple[int, ServiceId]:
    return service.id.port, service.id
