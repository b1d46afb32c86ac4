"""Events in, commands out: what is bound for which service, conflicts, grace, retries. Pure.

Handlers note what happened and mark services as dirty; settle.py then makes the difference between
what is and what shall be into commands. So no order of events needs a case of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from port_linker.binding import events
from port_linker.binding.commands import Command, ReleaseService, WakeAt
from port_linker.binding.disputes import Disputes
from port_linker.binding.entry import ASKED_GRACE_S, GRACE_S, Entry, Failure, Report, derive_report
from port_linker.binding.facts import BindOptions, LocalFacts
from port_linker.binding.merge import Sockets
from port_linker.binding.plan import Planner
from port_linker.binding.settle import SLICE, Settler
from port_linker.model import Service, ServiceId
from port_linker.scan.owners import is_other_person

RELAX_S = 30.0  # after the system refused a socket, more are tried no sooner


class BindingMachine:
    """The one place that decides what this machine binds. `now` is in seconds, monotonic."""

    def __init__(
        self, options: BindOptions, local: LocalFacts, remembered: Mapping[str, int] | None = None
    ) -> None:
        self._planner = Planner(options, local, remembered or {})
        self._entries: dict[ServiceId, Entry] = {}
        self._disputes = Disputes(options, local, self._planner)
        self._settler = Settler(self._entries, self._planner, self._disputes, options.hold)
        self._sockets = Sockets(self._gives_way)
        self._login_uid: int | None = None
        self._wake_at: float | None = None
        self._relax_at: float | None = None
        self._handlers: dict[type[Any], Any] = {
            events.LinkUp: self._on_link_up,
            events.LinkDown: self._on_link_down,
            events.ServicesChanged: self._on_services_changed,
            events.BindDone: self._on_bind_done,
            events.BindFailed: self._on_bind_failed,
            events.Answered: self._on_answered,
            events.Unanswered: self._on_unanswered,
            events.AnswerTakenBack: self._on_answer_taken_back,
            events.KillDone: self._on_kill_done,
            events.Ticked: self._on_ticked,
        }

    def handle(self, event: events.Event, now: float) -> list[Command]:
        """Take one event in, return what is to be done, in order."""
        commands: list[Command] = self._handlers[type(event)](event, now)
        commands += self._settler.settle(now)
        return commands + self._plan_wake(now)

    def report_of(self, id_: ServiceId) -> Report | None:
        """Return the one state of a service, None if it is not known (any more)."""
        entry = self._entries.get(id_)
        return None if entry is None else derive_report(entry, self._settler.outage)

    def has_answer(self, id_: ServiceId) -> bool:
        """Whether there is an answer about a service that can be taken back."""
        return id_ in self._entries and self._planner.groups.has_answer(id_)

    def services(self) -> dict[ServiceId, Report]:
        """Return the state of every known service."""
        outage = self._settler.outage
        return {id_: derive_report(entry, outage) for id_, entry in self._entries.items()}

    def _on_link_up(self, event: events.LinkUp, _now: float) -> list[Command]:
        self._settler.outage = None
        self._login_uid = event.target.login_uid
        self._planner.groups.set_target(event.target)
        self._settler.mark_all()
        return []

    def _on_link_down(self, event: events.LinkDown, _now: float) -> list[Command]:
        self._settler.outage = event.reason
        self._settler.mark_all()
        return []

    def _on_services_changed(self, event: events.ServicesChanged, now: float) -> list[Command]:
        self._take_changes(self._sockets.take(event), now)
        return []

    def _take_changes(self, event: events.ServicesChanged, now: float) -> None:
        for id_ in event.vanished:
            self._vanish(id_, now)
        for service in sorted(event.appeared, key=_by_port):
            self._appear(service, now)
        for service in event.changed:
            self._appear(service, now)

    def _appear(self, service: Service, now: float) -> None:
        entry = self._entries.get(service.id)
        if entry is None:
            entry = self._entries[service.id] = Entry(service, since=now)
        entry.service, entry.gone_at = service, None
        self._planner.groups.put(service)
        self._settler.mark(service.id)

    def _gives_way(self, socket: Service) -> bool:
        """Whether a socket may be forgotten for another one: somebody else's, not bound here."""
        entry = self._entries.get(socket.id)
        is_bound = entry is not None and bool(entry.bound)
        return is_other_person(socket, self._login_uid) and not is_bound

    def _vanish(self, id_: ServiceId, now: float) -> None:
        entry = self._entries.get(id_)
        if entry is None or entry.gone_at is not None:
            return
        entry.gone_at = now + (ASKED_GRACE_S if self._disputes.is_asked(entry) else GRACE_S)
        self._planner.groups.put(entry.service, is_present=False)
        self._settler.mark(id_)

    def _on_bind_done(self, event: events.BindDone, _now: float) -> list[Command]:
        entry = self._entries.get(event.service)
        if entry is not None and event.local in entry.bound:
            return []
        if entry is None or event.local not in entry.pending:
            return [ReleaseService(event.service, (event.local,))]  # no longer wanted
        entry.pending.discard(event.local)
        entry.retry.discard(event.local)
        entry.failed.pop(event.local, None)
        entry.bound.add(event.local)
        self._planner.seat(entry.id)
        self._settler.mark(entry.id)
        return self._disputes.calm(entry)

    def _on_bind_failed(self, event: events.BindFailed, now: float) -> list[Command]:
        entry = self._entries.get(event.service)
        if entry is None or event.local not in entry.pending:
            return []
        entry.pending.discard(event.local)
        entry.retry.discard(event.local)
        self._settler.mark(entry.id)
        failure = Failure(event.errno, event.holder)
        if failure.is_out_of_room and not entry.bound:
            if entry.id in self._planner.room:  # else it was put out with the first that failed
                self._lower_limit(entry, now)
            return []
        return self._disputes.take_failure(entry, event.local, failure, now)

    def _lower_limit(self, entry: Entry, now: float) -> None:
        """All that were asked for and have no answer yet will fail the same way."""
        unbound = [one.id for one in self._entries.values() if one.pending and not one.bound]
        self._planner.lower_limit([entry.id, *unbound])
        self._relax_at = now + RELAX_S

    def _on_answered(self, event: events.Answered, now: float) -> list[Command]:
        self._settler.mark_absent()  # whoever waited for this answer alone is given up
        return self._disputes.take_answer(event.question, event.choice, self._entries, now)

    def _on_unanswered(self, event: events.Unanswered, now: float) -> list[Command]:
        self._settler.mark_absent()
        return self._disputes.take_silence(event.question, self._entries, now)

    def _on_answer_taken_back(self, event: events.AnswerTakenBack, _now: float) -> list[Command]:
        entry = self._entries.get(event.service)
        if entry is not None and self._planner.groups.take_back(entry.id):
            self._disputes.take_back(entry)
            self._settler.mark(entry.id)
        return []

    def _on_kill_done(self, event: events.KillDone, _now: float) -> list[Command]:
        entry = self._entries.get(event.service)
        if entry is not None:
            self._settler.mark(entry.id)
            self._disputes.take_kill(entry, event.is_ok, event.detail)
        return []

    def _on_ticked(self, _event: events.Ticked, now: float) -> list[Command]:
        self._wake_at = None
        if self._sockets.has_unnamed:  # now, since the list may go on in the next event
            self._take_changes(self._sockets.drop_unnamed(SLICE), now)
        self._settler.mark_ended(now)
        if self._relax_at is not None and now >= self._relax_at:
            self._relax_at = None
            self._planner.room.relax()
        for id_ in self._disputes.pick_retries(self._entries, now):
            self._settler.mark(id_)
        return self._disputes.ask_due(self._entries, now)

    def _plan_wake(self, now: float) -> list[Command]:
        rest = now if self._settler.has_rest or self._sockets.has_unnamed else None
        times = (self._settler.next_end(), self._disputes.next_due(), self._relax_at, rest)
        due = min((time for time in times if time is not None), default=None)
        if due is None or (self._wake_at is not None and now < self._wake_at <= due):
            return []
        self._wake_at = due
        return [WakeAt(due)]


def _by_port(service: Service) -> tuple[int, ServiceId]:
    return service.id.port, service.id
