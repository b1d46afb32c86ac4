"""Carries out what the binding machine decides: sockets, holders, questions, reports. I/O."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from port_linker import clock
from port_linker.cause import Cause
from port_linker.link.interface import Link, Traffic
from port_linker.model import parse_service_key
from port_linker.ports import commands as cmd
from port_linker.ports import events as ev
from port_linker.ports.machine import PortMachine
from port_linker.ports.os.kill import KillResult, kill_holder
from port_linker.ports.types import ServiceState
from port_linker.session.events import ConflictEvent, LogEvent, ServiceEvent, SessionEvent
from port_linker.session.ports import LocalPorts, PeerCheck
from port_linker.session.questions import Question
from port_linker.session.shelf import Shelf
from port_linker.session.wording import explain_kill, to_question
from port_linker.tasks import start_task

logger = logging.getLogger(__name__)

TURN_S = 0.02  # of the loop for services at once; a target may tell of thousands
MAX_WAITING = 256  # events; past it nothing more is taken from the agent before they are fewer


class Asker(Protocol):
    """Who can put a question to a person."""

    async def ask(self, question: Question) -> str | None:
        """Return the word of the choice, None if nobody answered."""


class Binder:
    """The local sockets of a session and the machine that decides about them."""

    def __init__(
        self,
        machine: PortMachine,
        link: Link,
        target: str,
        emit: Callable[[SessionEvent], None],
        asker: Asker,
        save_remaps: Callable[[Mapping[str, int]], None],
        peer_check: PeerCheck | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        self._machine, self._target = machine, target
        self._emit, self._asker, self._save_remaps = emit, asker, save_remaps
        self._loop = asyncio.get_running_loop()
        self._ports = LocalPorts(link, self.handle, peer_check, shelf)
        self._events: deque[ev.Event] = deque()
        self._is_busy = self._is_closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._next_turn: asyncio.Handle | None = None  # scheduled while something was done in this
        self._turn_ends = 0.0
        self._questions: dict[str, asyncio.Task[Any]] = {}
        self._actions: dict[type[Any], Callable[[Any], None]] = {
            cmd.BindService: self._ports.bind,
            cmd.ReleaseService: self._ports.release,
            cmd.HoldService: lambda c: self._ports.hold(c.service, c.deadline_s),
            cmd.UnholdService: lambda c: self._ports.hold(c.service, None),
            cmd.ResetFlows: lambda c: self._ports.reset_flows(c.service),
            cmd.KillHolder: self._kill,
            cmd.AskUser: self._ask,
            cmd.WithdrawQuestion: self._withdraw,
            cmd.ReportService: self._report,
            cmd.ReportConflict: self._report_conflict,
            cmd.SaveRemaps: lambda c: save_remaps(c.remaps),
            cmd.WakeAt: self._wake_at,
        }

    @property
    def bound_count(self) -> int:
        """How many local sockets are bound now."""
        return self._ports.count

    def traffic(self) -> dict[str, Traffic]:
        """Return the counters of every service, by its key."""
        return {service.key: traffic for service, traffic in self._ports.traffic().items()}

    def handle(self, event: ev.Event) -> None:
        """Feed one event to the machine and carry out what follows, and what follows from that."""
        if self._is_closed:
            return
        self._events.append(event)
        if not self._is_busy:  # else we were called by a command's own effect
            self._work()

    def _work(self) -> None:
        """Handle what waits, for a turn at most; the rest has the loop's next turn."""
        if self._next_turn is None:
            self._turn_ends = self._loop.time() + TURN_S
            self._next_turn = self._loop.call_soon(self._begin_turn)
        self._is_busy = True
        try:
            while self._events and not self._is_closed and self._may_work():
                for command in self._machine.handle(self._events.popleft(), self._loop.time()):
                    self._actions[type(command)](command)
        finally:
            self._is_busy = False

    def _may_work(self) -> bool:
        return self._loop.time() < self._turn_ends

    def is_behind(self) -> bool:
        """Whether so much waits that what the agent says must wait, too."""
        return len(self._events) >= MAX_WAITING

    def _begin_turn(self) -> None:
        self._next_turn = None
        if self._events:
            self._work()

    def has_answer(self, key: str) -> bool:
        """Whether a person has answered something about the service of a row."""
        return self._machine.has_answer(parse_service_key(key))

    def take_back(self, key: str) -> bool:
        """Forget what a person answered about the service of a row; False if that is nothing."""
        has_answer = self.has_answer(key)
        self.handle(ev.AnswerTakenBack(parse_service_key(key)))
        return has_answer

    def close(self) -> None:
        """Free every local port at once, and bind no more."""
        self._is_closed = True
        for timer in (self._timer, self._next_turn):
            if timer is not None:
                timer.cancel()
        for task in list(self._questions.values()):
            task.cancel()
        self._ports.close()

    def _kill(self, command: cmd.KillHolder) -> None:
        async def kill() -> None:
            result = await kill_holder(command.holder)
            logger.warning(
                "killed the holder of a port" if result.is_ok else "a holder was not killed",
                extra={"port": command.port, "pid": command.holder.pid, "detail": result.detail},
            )
            self._emit(self._tell_kill(command, result))
            self._ports.holders.forget()
            self.handle(ev.KillDone(command.service, result.is_ok, result.detail))

        start_task(kill(), f"kill holder of {command.port}")

    def _tell_kill(self, command: cmd.KillHolder, result: KillResult) -> LogEvent:
        why_not = None if result.is_ok else result.detail or "it still runs"
        text = explain_kill(command.holder, command.port, why_not)
        return LogEvent(clock.wall_s(), self._target, "warning", "host", text)

    def _ask(self, command: cmd.AskUser) -> None:
        question = to_question(command.question)

        async def ask() -> None:
            try:
                choice = await self._asker.ask(question)
            finally:
                if self._questions.get(question.id) is asyncio.current_task():
                    del self._questions[question.id]  # else it was asked anew meanwhile
            no_answer = ev.Unanswered(question.id)
            self.handle(no_answer if choice is None else ev.Answered(question.id, choice))

        self._questions[question.id] = start_task(ask(), f"ask {question.id}")

    def _withdraw(self, command: cmd.WithdrawQuestion) -> None:
        task = self._questions.pop(command.question, None)
        if task is not None:
            task.cancel()

    def _report(self, command: cmd.ReportService) -> None:
        service = command.service
        if command.state is ServiceState.GONE:
            self._ports.forget(service.id)
        self._emit(
            ServiceEvent(
                clock.wall_s(),
                self._target,
                state=command.state,
                proto=service.id.proto.value,
                port=service.id.port,
                remote=service.id.endpoint,
                local=command.local,
                process=service.process,
                pid=service.pid,
                user=service.user,
                container=service.container,
                cause=_to_cause(command),
                command=service.command,
                addresses=tuple(id_.endpoint for id_ in service.sockets),
                unit=service.unit,
            )
        )

    def _report_conflict(self, command: cmd.ReportConflict) -> None:
        service, holder = command.service.id, command.holder
        self._emit(
            ConflictEvent(
                clock.wall_s(),
                self._target,
                proto=service.proto.value,
                port=service.port,
                remote=service.endpoint,
                holder_pid=None if holder is None else holder.pid,
                holder_command=None if holder is None else holder.command,
                choices=command.choices,
            )
        )

    def _wake_at(self, command: cmd.WakeAt) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(command.at, self.handle, ev.Ticked())


def _to_cause(report: cmd.ReportService) -> Cause | None:
    """Return why the service is in its state; None if it is plainly so."""
    return None if report.reason is None else Cause(report.code, report.reason)
