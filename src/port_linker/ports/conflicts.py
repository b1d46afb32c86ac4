"""Resolve conflicts about local ports: ask, end the holder, move the service, or retry. Pure.

A conflict begins when every address of a service has its answer and one of them could not be bound
because something on this machine holds it. What follows is set by --on-conflict: a question (ask),
a `KillHolder` (kill, within the `KillLicence`), another port (remap), nothing (skip). A service in
conflict is retried every half second, except while a question about it is open: a port that becomes
free meanwhile is not ours to take.
"""

from __future__ import annotations

import errno as errnos
from collections import Counter

from port_linker.model import Proto, Service, ServiceId
from port_linker.ports.binding import BindingTable, Failure, ServiceBinding
from port_linker.ports.capacity import Admission
from port_linker.ports.commands import (
    Command,
    KillHolder,
    ReleaseService,
    ReportConflict,
)
from port_linker.ports.placement import Placements
from port_linker.ports.policy import ALLOW, KILL, REMAP, SKIP, OnConflict, Policy
from port_linker.ports.questions import Questions, choices_for
from port_linker.ports.rules import names_port
from port_linker.ports.timers import Retries
from port_linker.ports.types import HELD_BACK, Local, LocalFacts, PortHolder, explain_refusal

ASK_AFTER_S = 1.0  # a port that lives for a second is not a passing one
OWN_PATIENCE_S = 2.0  # a port that we still close ourselves is a conflict only after that
MAX_KILLS = 3  # of one port in a session: its holder, or the service, may start again for ever


class KillLicence:
    """Allow kills only on ports that the policy names itself, and a few times in a session."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._used: Counter[tuple[Proto, int]] = Counter()  # by local port: few, for they are named

    def explain_refusal(self, service: Service, port: int, holder: PortHolder | None) -> str | None:
        """Return why the holder of a local port must not be ended, None if it may be."""
        if not names_port(self.policy.only, service):
            return f"port {service.id.port} is not named in --only"
        if self._used[service.id.proto, port] >= MAX_KILLS:
            return f"{MAX_KILLS} processes were ended for this port in this session already"
        return explain_refusal(holder)

    def use(self, service: Service, port: int) -> None:
        """Count a kill."""
        self._used[service.id.proto, port] += 1


class Conflicts:
    """Keep the services in conflict and the questions about them."""

    def __init__(
        self,
        policy: Policy,
        local: LocalFacts,
        bindings: BindingTable,
        placements: Placements,
        admission: Admission,
    ) -> None:
        self._policy = policy
        self._local = local
        self._bindings = bindings
        self._placements = placements
        self._admission = admission
        self._questions = Questions()
        self._retries = Retries()
        self._ask_at: dict[ServiceId, float] = {}
        self._licence = KillLicence(policy)

    def set_policy(self, policy: Policy, now: float) -> list[Command]:
        """Decide the conflicts again, by another policy, when their services are retried."""
        self._policy = self._licence.policy = policy
        commands: list[Command] = []
        for binding in self._bindings:
            if binding.retryable():
                binding.end_conflict()
                self._retries.put(binding.id, now)
                commands += self._questions.withdraw(binding.id)
        return commands

    def take_failure(
        self, binding: ServiceBinding, local: Local, failure: Failure, now: float
    ) -> list[Command]:
        """Keep why an address is not bound, and act once all answers have come."""
        if self._is_ours_for_now(binding, failure, now):
            self._retries.put_soon(binding.id, now)
        elif self._moves_on(binding, local, failure):
            return []
        binding.failed[local] = failure
        if not failure.is_lasting:
            self._retries.put(binding.id, now)
        return self._act(binding) if binding.is_settled and not self.is_closing(binding) else []

    def is_closing(self, binding: ServiceBinding) -> bool:
        """Return whether a socket of ours that is being closed still has the port."""
        return self._retries.is_soon(binding.id)

    def is_asked(self, binding: ServiceBinding) -> bool:
        """Return whether a question about the port is open: nothing happens until its answer."""
        return bool(binding.failed) and self._questions.is_open(binding.id)

    def take_bound(self, binding: ServiceBinding) -> list[Command]:
        """End the conflict of a service that has a socket now."""
        binding.end_conflict()
        binding.patience = None
        if not binding.retryable():
            self._retries.drop(binding.id)
        return self._questions.withdraw(binding.id)

    def follow_placement(self, binding: ServiceBinding, now: float) -> list[Command]:
        """End a conflict that the placement has solved, or ask where the placement allows it."""
        is_askable = binding.gone_at is None and binding.placement.is_askable
        if is_askable and self._policy.is_interactive:
            self._retries.drop(binding.id)
            if self._questions.was_asked(binding.id):
                return []
            self._ask_at.setdefault(binding.id, max(now, binding.since + ASK_AFTER_S))
            return self._questions.withdraw(binding.id)  # one about a conflict, if any
        self._ask_at.pop(binding.id, None)
        if binding.failed:
            return []
        self._retries.drop(binding.id)
        binding.end_conflict()
        return self._questions.withdraw(binding.id)

    def drop(self, id_: ServiceId) -> list[Command]:
        """Forget a service that is gone."""
        self._retries.drop(id_)
        self._ask_at.pop(id_, None)
        return self._questions.withdraw(id_)

    def take_answer(self, name: str, choice: str, now: float) -> list[Command]:
        """Carry out what a person chose."""
        question, commands = self._questions.take(name, choice)
        if question is None:
            return commands
        binding = self._bindings[question.service.id]
        if choice in (ALLOW, REMAP, SKIP):
            self._placements.answer(binding.id, choice)
        elif choice == KILL and question.holder is not None and binding.gone_at is None:
            self._retries.put(binding.id, now)
            commands.append(KillHolder(binding.id, question.holder, binding.local_port))
        return commands

    def take_choice(self, id_: ServiceId, choice: str, now: float) -> list[Command]:
        """Carry out what was ordered for a service without a question."""
        binding = self._bindings.get(id_)
        if binding is None or binding.gone_at is not None:
            return []
        if choice in (ALLOW, REMAP, SKIP):
            self._placements.answer(id_, choice)
            return self._questions.withdraw(id_)
        blocking = binding.blocking_failure()
        holder = None if blocking is None else blocking[1].holder
        if choice != KILL or blocking is None or binding.bound:
            return []
        refusal = explain_refusal(holder)
        if refusal is not None or holder is None:
            binding.note = f"not ended: {refusal}"
            self._bindings.mark(id_)
            return []
        self._retries.put(id_, now)
        return [*self._questions.withdraw(id_), KillHolder(id_, holder, binding.local_port)]

    def take_silence(self, name: str, now: float) -> list[Command]:
        """Go on as if nobody had been asked."""
        question, commands = self._questions.close(name)
        if question is not None and self._bindings[question.service.id].failed:
            self._retries.put(question.service.id, now)
        return commands

    def take_back(self, binding: ServiceBinding) -> None:
        """Ask again where necessary: the placement no longer follows an answer."""
        self._questions.forget(binding.id)
        binding.end_conflict()

    def take_kill(self, binding: ServiceBinding, is_ok: bool, detail: str | None) -> None:
        """Bind again if the holder is gone; else note why it is not."""
        binding.note = None if is_ok else f"not ended: {detail or 'no reason given'}"
        if is_ok:
            binding.retry_failed()

    def pick_retries(self, now: float) -> list[ServiceId]:
        """Mark what is to be tried again now, a bounded number in turn; return the services."""
        picked = self._retries.pick(now)
        for id_ in picked:
            binding = self._bindings[id_]
            if binding.bound or self._admission.has_space:
                binding.retry_failed()
        return picked

    def ask_due(self, now: float) -> list[Command]:
        """Ask about the services that have lived long enough."""
        due = [id_ for id_, at in self._ask_at.items() if at <= now]
        commands: list[Command] = []
        for id_ in due:
            del self._ask_at[id_]
            service = self._bindings[id_].service
            commands += self._questions.ask_ephemeral(service, self._local.ephemeral)
        return commands

    def next_due(self) -> float | None:
        """Return when pick_retries or ask_due has something to do."""
        times = [self._retries.next_due(), *self._ask_at.values()]
        return min((time for time in times if time is not None), default=None)

    def _moves_on(self, binding: ServiceBinding, local: Local, failure: Failure) -> bool:
        """Return whether the service gets another port instead of a conflict."""
        if failure.is_lasting or failure.is_out_of_room or failure.errno == HELD_BACK:
            return False
        if binding.placement.is_remapped:
            self._placements.mark_busy(binding.id, local)
            return True
        if failure.errno == errnos.EACCES:
            self._placements.deny(binding.id)
            return True
        return False

    def _act(self, binding: ServiceBinding) -> list[Command]:
        blocking = binding.blocking_failure()
        if blocking is None or (binding.bound and blocking[1].is_lasting):
            return []
        self._admission.park(binding.id)
        commands: list[Command] = []
        if binding.bound:  # a conflict of one family is one of the whole service
            commands.append(ReleaseService(binding.id, binding.hold_back(), is_conflict=True))
        _, failure = blocking
        if failure.errno != errnos.EADDRINUSE or binding.conflict_with == failure.identity:
            return commands
        binding.conflict_with = failure.identity
        binding.note = None
        report = ReportConflict(binding.service, failure.holder, choices_for(failure.holder))
        commands += [report, *self._choose(binding, failure.holder)]
        if self._questions.is_open(binding.id):
            self._retries.drop(binding.id)  # what becomes free meanwhile is not ours to take
        return commands

    def _is_ours_for_now(self, binding: ServiceBinding, failure: Failure, now: float) -> bool:
        """Return whether we hold the port ourselves, by a socket that was released just now."""
        if failure.holder is None or not failure.holder.is_self:
            return False
        if binding.patience is None:
            binding.patience = now + OWN_PATIENCE_S
        return now < binding.patience

    def _choose(self, binding: ServiceBinding, holder: PortHolder | None) -> list[Command]:
        mode = self._policy.on_conflict
        if mode is OnConflict.REMAP or (
            mode is OnConflict.ASK and self._placements.remembers(binding.id)
        ):
            self._placements.move(binding.id)
            return []
        if mode is OnConflict.KILL:
            return self._kill(binding, holder)
        if mode is OnConflict.ASK and self._policy.is_interactive:
            return self._questions.ask_conflict(binding.service, binding.local_port, holder)
        return []

    def _kill(self, binding: ServiceBinding, holder: PortHolder | None) -> list[Command]:
        port = binding.local_port
        refusal = self._licence.explain_refusal(binding.service, port, holder)
        if refusal is not None or holder is None:
            binding.note = f"not ended: {refusal}"
            return []
        self._licence.use(binding.service, port)
        return [KillHolder(binding.id, holder, port)]
