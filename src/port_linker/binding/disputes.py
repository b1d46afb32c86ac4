"""What is done about ports that are held here: ask, end the holder, move, try again. Pure."""

from __future__ import annotations

import errno as errnos
from collections import OrderedDict
from collections.abc import Mapping

from port_linker.binding.commands import Command, KillHolder, QuestionKind, ReportConflict
from port_linker.binding.conflict import (
    ALLOW,
    KILL,
    NO_FAMILY,
    REMAP,
    choices_for,
    explain_refusal,
)
from port_linker.binding.entry import Entry, Failure
from port_linker.binding.facts import BindOptions, Holder, Local, LocalFacts, OnConflict
from port_linker.binding.plan import Planner
from port_linker.binding.questions import Questions
from port_linker.binding.rules import names_port
from port_linker.model import ServiceId

RETRY_S = 0.5  # "a freed port is taken within a second", a late wake-up included
MAX_RETRIES = 500  # services tried again at a time: 10 ms at 10 µs a bind, two binds each
ASK_AFTER_S = 1.0  # a port that lives for a second is no passing one
MAX_KILLS = 3  # by itself, for one service: a supervisor may start its program for ever


class Disputes:
    """Keeps the services in conflict and the questions about them."""

    def __init__(self, options: BindOptions, local: LocalFacts, planner: Planner) -> None:
        self._options = options
        self._local = local
        self._planner = planner
        self._questions = Questions()
        self._ring: OrderedDict[ServiceId, None] = OrderedDict()  # to be tried again, in turn
        self._retry_at: float | None = None
        self._ask_at: dict[ServiceId, float] = {}

    def take_failure(
        self, entry: Entry, local: Local, failure: Failure, now: float
    ) -> list[Command]:
        """Note why an address is not bound, and act once all answers have come."""
        if self._looks_elsewhere(entry, local, failure):
            return []
        entry.failed[local] = failure
        if failure.errno not in NO_FAMILY:
            self._ring[entry.id] = None
            self._retry_at = now + RETRY_S if self._retry_at is None else self._retry_at
        return self._act(entry) if entry.is_settled else []

    def calm(self, entry: Entry) -> list[Command]:
        """A socket is bound: the question is settled."""
        entry.conflict_with = entry.note = None
        if not entry.failed:
            self._ring.pop(entry.id, None)
        return self._questions.withdraw(entry.id)

    def tidy(self, entry: Entry, now: float) -> list[Command]:
        """Follow the plan: forget a conflict that it has solved, ask where it allows."""
        if entry.gone_at is None and entry.verdict.is_askable and self._options.is_interactive:
            self._ring.pop(entry.id, None)
            if self._questions.was_asked(entry.id):
                return []
            self._ask_at.setdefault(entry.id, max(now, entry.since + ASK_AFTER_S))
            return self._questions.withdraw(entry.id)  # one about a conflict, if any
        self._ask_at.pop(entry.id, None)
        if entry.failed:
            return []
        self._ring.pop(entry.id, None)
        entry.conflict_with = entry.note = None
        return self._questions.withdraw(entry.id)

    def drop(self, entry: Entry) -> list[Command]:
        """Forget a service that is gone."""
        self._ring.pop(entry.id, None)
        self._ask_at.pop(entry.id, None)
        return self._questions.withdraw(entry.id)

    def take_answer(
        self, name: str, choice: str, entries: Mapping[ServiceId, Entry]
    ) -> list[Command]:
        """Do what a person chose."""
        question, commands = self._questions.take(name, choice)
        if question is None:
            return commands
        entry = entries[question.service.id]
        if question.kind is QuestionKind.EPHEMERAL:
            if choice == ALLOW:
                self._planner.groups.allow(entry.id)
        elif choice == REMAP:
            self._planner.groups.move(entry.id)
        elif choice == KILL and question.holder is not None:
            commands.append(KillHolder(entry.id, question.holder, _port_of(entry)))
        return commands

    def take_kill(self, entry: Entry, is_ok: bool, detail: str | None) -> None:
        """The holder is gone, so bind again; or it is not, so say why."""
        entry.note = None if is_ok else f"not ended: {detail or 'no reason given'}"
        if is_ok:
            entry.retry = {local for local in entry.failed if local not in entry.pending}

    def pick_retries(self, entries: Mapping[ServiceId, Entry], now: float) -> list[ServiceId]:
        """Mark what is to be tried again now, a bounded number in turn; return the services."""
        if self._retry_at is None or now < self._retry_at:
            return []
        picked = list(self._ring)[:MAX_RETRIES]
        for id_ in picked:
            self._ring.move_to_end(id_)
            entry = entries[id_]
            if entry.bound or self._planner.room.has_space:
                entry.retry = {
                    local
                    for local, failure in entry.failed.items()
                    if failure.errno not in NO_FAMILY
                } - entry.pending
        self._retry_at = now + RETRY_S if self._ring else None
        return picked

    def ask_due(self, entries: Mapping[ServiceId, Entry], now: float) -> list[Command]:
        """Ask about the services that have lived long enough."""
        due = [id_ for id_, at in self._ask_at.items() if at <= now]
        commands: list[Command] = []
        for id_ in due:
            del self._ask_at[id_]
            service = entries[id_].service
            commands += self._questions.ask_ephemeral(service, self._local.ephemeral)
        return commands

    def next_due(self) -> float | None:
        """When pick_retries or ask_due has something to do."""
        times = [*self._ask_at.values()]
        if self._retry_at is not None:
            times.append(self._retry_at)
        return min(times, default=None)

    def _looks_elsewhere(self, entry: Entry, local: Local, failure: Failure) -> bool:
        """Whether the plan has another port to offer instead of a conflict."""
        if failure.errno in NO_FAMILY or failure.is_out_of_room:
            return False
        if entry.verdict.is_remapped:
            self._planner.groups.mark_busy(entry.id, local)
            return True
        if failure.errno == errnos.EACCES:
            self._planner.groups.deny(entry.id)
            return True
        return False

    def _act(self, entry: Entry) -> list[Command]:
        blocking = entry.blocking_failure()
        if entry.bound or blocking is None:
            return []
        self._planner.park(entry.id)
        _, failure = blocking
        if failure.errno != errnos.EADDRINUSE or entry.conflict_with == failure.identity:
            return []
        entry.conflict_with = failure.identity
        entry.note = None
        report = ReportConflict(entry.service, failure.holder, choices_for(failure.holder))
        return [report, *self._choose(entry, failure.holder)]

    def _choose(self, entry: Entry, holder: Holder | None) -> list[Command]:
        mode = self._options.on_conflict
        if mode is OnConflict.REMAP or (
            mode is OnConflict.ASK and self._planner.groups.claims.remembers(entry.id)
        ):
            self._planner.groups.move(entry.id)
            return []
        if mode is OnConflict.KILL:
            return self._kill(entry, holder)
        if mode is OnConflict.ASK and self._options.is_interactive:
            return self._questions.ask_conflict(entry.service, _port_of(entry), holder)
        return []

    def _kill(self, entry: Entry, holder: Holder | None) -> list[Command]:
        """End the holder by ourselves only where the command line names the port itself."""
        refusal = explain_refusal(holder)
        if not names_port(self._options.only, entry.service):
            refusal = f"port {entry.id.port} is not named in --only"
        elif entry.kills >= MAX_KILLS:
            refusal = f"{MAX_KILLS} processes were ended for it already"
        if refusal is not None or holder is None:
            entry.note = f"not ended: {refusal}"
            return []
        entry.kills += 1
        return [KillHolder(entry.id, holder, _port_of(entry))]


def _port_of(entry: Entry) -> int:
    return entry.verdict.locals[0].port if entry.verdict.locals else entry.id.port
