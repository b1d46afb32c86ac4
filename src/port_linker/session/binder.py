"""Carries out what the binding machine decides: sockets, holders, questions, reports. I/O."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from port_linker import clock
from port_linker.binding import commands as cmd
from port_linker.binding import events as ev
from port_linker.binding.facts import Local
from port_linker.binding.holder import HolderFinder
from port_linker.binding.kill import kill_holder
from port_linker.binding.machine import BindingMachine
from port_linker.binding.sockets import bind_local
from port_linker.link.interface import Binding, Link
from port_linker.model import Proto, ServiceId
from port_linker.session.events import ConflictEvent, ServiceEvent, SessionEvent
from port_linker.session.questions import Question
from port_linker.session.wording import to_question
from port_linker.tasks import start_task

logger = logging.getLogger(__name__)

PeerCheck = Callable[[Proto, Local], Callable[[tuple[str, int]], bool]]


class Asker(Protocol):
    """Who can put a question to a person."""

    async def ask(self, question: Question) -> str | None:
        """Return the word of the choice, None if nobody answered."""


class Binder:
    """The local sockets of a session and the machine that decides about them."""

    def __init__(
        self,
        machine: BindingMachine,
        link: Link,
        target: str,
        emit: Callable[[SessionEvent], None],
        asker: Asker,
        save_remaps: Callable[[Mapping[str, int]], None],
        peer_check: PeerCheck | None = None,
    ) -> None:
        self._machine, self._link, self._target = machine, link, target
        self._emit, self._asker, self._save_remaps = emit, asker, save_remaps
        self._peer_check = peer_check
        self._loop = asyncio.get_running_loop()
        self._bindings: dict[tuple[ServiceId, Local], Binding] = {}
        self._holders = HolderFinder()
        self._events: deque[ev.Event] = deque()
        self._is_busy = self._is_closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._questions: dict[str, asyncio.Task[Any]] = {}
        self._actions: dict[type[Any], Callable[[Any], None]] = {
            cmd.BindService: self._bind,
            cmd.ReleaseService: self._release,
            cmd.HoldService: lambda c: link.hold(c.service, c.deadline_s),
            cmd.UnholdService: lambda c: link.hold(c.service, None),
            cmd.ResetFlows: lambda c: link.reset_flows(c.service),
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
        return len(self._bindings)

    def handle(self, event: ev.Event) -> None:
        """Feed one event to the machine and carry out what follows, and what follows from that."""
        if self._is_closed:
            return
        self._events.append(event)
        if self._is_busy:
            return  # we were called by a command's own effect: the loop below takes it
        self._is_busy = True
        try:
            while self._events:
                for command in self._machine.handle(self._events.popleft(), self._loop.time()):
                    self._actions[type(command)](command)
        finally:
            self._is_busy = False

    def close(self) -> None:
        """Free every local port at once, and bind no more."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        for task in list(self._questions.values()):
            task.cancel()
        for binding in self._bindings.values():
            self._link.release(binding)
            binding.sock.close()
        self._bindings.clear()

    def _bind(self, command: cmd.BindService) -> None:
        for local in command.locals:
            bound = bind_local(command.service.proto, local)
            if isinstance(bound, int):
                holder = self._holders.find(command.service.proto, local)
                self._events.append(ev.BindFailed(command.service, local, bound, holder))
                continue
            check = self._peer_check
            accepts = None if check is None else check(command.service.proto, local)
            binding = Binding(command.service, bound, local.text, accepts)
            self._bindings[command.service, local] = binding
            self._link.adopt(binding)
            self._events.append(ev.BindDone(command.service, local))

    def _release(self, command: cmd.ReleaseService) -> None:
        for local in command.locals:
            binding = self._bindings.pop((command.service, local), None)
            if binding is not None:
                self._link.release(binding)
                binding.sock.close()

    def _kill(self, command: cmd.KillHolder) -> None:
        async def kill() -> None:
            result = await kill_holder(command.holder)
            logger.warning(
                "killed the holder of a port" if result.is_ok else "a holder was not killed",
                extra={"port": command.port, "pid": command.holder.pid, "detail": result.detail},
            )
            self._holders.forget()
            self.handle(ev.KillDone(command.service, result.is_ok, result.detail))

        start_task(kill(), f"kill holder of {command.port}")

    def _ask(self, command: cmd.AskUser) -> None:
        question = to_question(command.question)

        async def ask() -> None:
            try:
                choice = await self._asker.ask(question)
            finally:
                if self._questions.get(question.id) is asyncio.current_task():
                    del self._questions[question.id]  # else it was asked anew meanwhile
            if choice is not None:
                self.handle(ev.Answered(question.id, choice))

        self._questions[question.id] = start_task(ask(), f"ask {question.id}")

    def _withdraw(self, command: cmd.WithdrawQuestion) -> None:
        task = self._questions.pop(command.question, None)
        if task is not None:
            task.cancel()

    def _report(self, command: cmd.ReportService) -> None:
        service = command.service
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
                reason=command.reason,
                command=service.command,
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
