"""What is done about ports that are held here: ask, end the holder, move, try again. Pure."""

from __future__ import annotations

import errno as errnos
from collections.abc import Mapping

from port_linker.binding.commands import (
    Command,
    KillHolder,
    ReleaseService,
    ReportConflict,
)
from port_linker.binding.conflict import (
    ALLOW,
    HELD_BACK,
    KILL,
    REMAP,
    SKIP,
    choices_for,
)
from port_linker.binding.entry import Entry, Failure
from port_linker.binding.facts import BindOptions, Holder, Local, LocalFacts, OnConflict
from port_linker.binding.licence import KillLicence
from port_linker.binding.plan import Planner
from port_linker.binding.questions import Questions
from port_linker.binding.retries import Retries
from port_linker.model import ServiceId

ASK_AFTER_S = 1.0  # a port that lives for a second is no passing one
OWN_PATIENCE_S = 2.0  # a port that we still close ourselves is a conflict after that only


class Disputes:
    """Keeps the services in conflict and the questions about them."""

    def __init__(self, options: BindOptions, local: LocalFacts, planner: Planner) -> None:
        self._options = options
        self._local = local
        self._planner = planner
        self._questions = Questions()
        self._retries = Retries()
        self._ask_at: dict[ServiceId, float] = {}
        self._licence = KillLicence(options)

    def take_failure(
        self, entry: Entry, local: Local, failure: Failure, now: float
    ) -> list[Command]:
        """Note why an address is not bound, and act once all answers have come."""
        if self._is_ours_for_now(entry, failure, now):
            self._retries.put_soon(entry.id, now)
        elif self._looks_elsewhere(entry, local, failure):
            return []
        entry.failed[local] = failure
        if not failure.is_lasting:
            self._retries.put(entry.id, now)
        return self._act(entry) if entry.is_settled and not self.is_closing(entry) else []

    def is_closing(self, entry: Entry) -> bool:
        """Whether the port is still ours, by a socket that is being closed: nothing to tell yet."""
        return self._retries.is_soon(entry.id)

    def is_asked(self, entry: Entry) -> bool:
        """Whether a person is asked what to do about the port: nothing happens until he answers."""
        return bool(entry.failed) and self._questions.is_open(entry.id)

    def calm(self, entry: Entry) -> list[Command]:
        """A socket is bound: the question is settled."""
        entry.conflict_with = entry.note = entry.patience = None
        if not entry.retryable():
            self._retries.drop(entry.id)
        return self._questions.withdraw(entry.id)

    def tidy(self, entry: Entry, now: float) -> list[Command]:
        """Follow the plan: forget a conflict that it has solved, ask where it allows."""
        if entry.gone_at is None and entry.verdict.is_askable and self._options.is_interactive:
            self._retries.drop(entry.id)
            if self._questions.was_asked(entry.id):
                return []
            self._ask_at.setdefault(entry.id, max(now, entry.since + ASK_AFTER_S))
            return self._questions.withdraw(entry.id)  # one about a conflict, if any
        self._ask_at.pop(entry.id, None)
        if entry.failed:
            return []
        self._retries.drop(entry.id)
        entry.conflict_with = entry.note = None
        return self._questions.withdraw(entry.id)

    def drop(self, entry: Entry) -> list[Command]:
        """Forget a service that is gone."""
        self._retries.drop(entry.id)
        self._ask_at.pop(entry.id, None)
        return self._questions.withdraw(entry.id)

    def take_answer(
        self, name: str, choice: str, entries: Mapping[ServiceId, Entry], now: float
    ) -> list[Command]:
        """Do what a person chose."""
        question, commands = self._questions.take(name, choice)
        if question is None:
            return commands
        entry = entries[question.service.id]
        if choice in (ALLOW, REMAP, SKIP):
            self._planner.groups.answer(entry.id, choice)
        elif choice == KILL and question.holder is not None and entry.gone_at is None:
            self._retries.put(entry.id, now)
            commands.append(KillHolder(entry.id, question.holder, _port_of(entry)))
        return commands

    def take_silence(
        self, name: str, entries: Mapping[ServiceId, Entry], now: float
    ) -> list[Command]:
        """Go on as if nobody had been asked."""
        question, commands = self._questions.close(name)
        if question is not None and entries[question.service.id].failed:
            self._retries.put(question.service.id, now)
        return commands

    def take_back(self, entry: Entry) -> None:
        """Ask again where need be: the plan has forgotten the answer."""
        self._questions.forget(entry.id)
        entry.conflict_with = entry.note = None

    def take_kill(self, entry: Entry, is_ok: bool, detail: str | None) -> None:
        """The holder is gone, so bind again; or it is not, so say why."""
        entry.note = None if is_ok else f"not ended: {detail or 'no reason given'}"
        if is_ok:
            entry.retry = entry.retryable() - entry.pending

    def pick_retries(self, entries: Mapping[ServiceId, Entry], now: float) -> list[ServiceId]:
        """Mark what is to be tried again now, a bounded number in turn; return the services."""
        picked = self._retries.pick(now)
        for id_ in picked:
            entry = entries[id_]
            if entry.bound or self._planner.room.has_space:
                entry.retry = entry.retryable() - entry.pending
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
        times = [self._retries.next_due(), *self._ask_at.values()]
        return min((time for time in times if time is not None), default=None)

    def _looks_elsewhere(self, entry: Entry, local: Local, failure: Failure) -> bool:
        """Whether the plan has another port to offer instead of a conflict."""
        if failure.is_lasting or failure.is_out_of_room or failure.errno == HELD_BACK:
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
        if blocking is None or (entry.bound and blocking[1].is_lasting):
            return []
        self._planner.park(entry.id)
        commands = self._hold_back(entry)
        _, failure = blocking
        if failure.errno != errnos.EADDRINUSE or entry.conflict_with == failure.identity:
            return commands
        entry.conflict_with = failure.identity
        entry.note = None
        report = ReportConflict(entry.service, failure.holder, choices_for(failure.holder))
        commands += [report, *self._choose(entry, failure.holder)]
        if self._questions.is_open(entry.id):
            self._retries.drop(entry.id)  # what becomes free meanwhile is not ours to take
        return commands

    def _hold_back(self, entry: Entry) -> list[Command]:
        """Give up what is bound: a conflict of one family is one of the whole service."""
        if not entry.bound:
            return []
        locals_ = tuple(sorted(entry.bound))
        entry.failed |= dict.fromkeys(locals_, Failure(HELD_BACK))
        entry.bound.clear()
        return [ReleaseService(entry.id, locals_, is_conflict=True)]

    def _is_ours_for_now(self, entry: Entry, failure: Failure, now: float) -> bool:
        """Whether we hold the port ourselves, by a socket that was released a moment ago."""
        if failure.holder is None or not failure.holder.is_self:
            return False
        if entry.patience is None:
            entry.patience = now + OWN_PATIENCE_S
        return now < entry.patience

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
        port = _port_of(entry)
        refusal = self._licence.explain_refusal(entry.service, port, holder)
        if refusal is not None or holder is None:
            entry.note = f"not ended: {refusal}"
            return []
        self._licence.use(entry.service, port)
        return [KillHolder(entry.id, holder, port)]


def _port_of(entry: Entry) -> int:
    return entry.verdict.locals[0].port if entry.verdict.locals else entry.id.port
