"""Ask a person about conflicts and fresh ephemeral ports, once each. Pure."""

from __future__ import annotations

from collections import OrderedDict

from port_linker.model import Service, ServiceId
from port_linker.ports.commands import (
    AskUser,
    Command,
    PortQuestion,
    QuestionKind,
    WithdrawQuestion,
)
from port_linker.ports.policy import ALLOW, KILL, REMAP, SKIP
from port_linker.ports.types import PortHolder, describe_holder, explain_refusal

MAX_OPEN = 16  # questions before a person at a time; the others wait their turn
MAX_ASKED = 4096  # services remembered as asked about; the oldest are forgotten


class Questions:
    """Keep the questions that are open, and a queue of those that are not shown yet."""

    def __init__(self) -> None:
        self._open: dict[str, PortQuestion] = {}
        self._queue: dict[str, PortQuestion] = {}
        self._of: dict[ServiceId, str] = {}
        self._asked: OrderedDict[ServiceId, None] = OrderedDict()

    def is_open(self, id_: ServiceId) -> bool:
        """Return whether a question about this service is open, shown or in the queue."""
        return id_ in self._of

    def forget(self, id_: ServiceId) -> None:
        """Allow a service to be asked about once more."""
        self._asked.pop(id_, None)

    def was_asked(self, id_: ServiceId) -> bool:
        """Return whether a person was asked to let this service in."""
        return id_ in self._asked

    def ask_conflict(self, service: Service, port: int, holder: PortHolder | None) -> list[Command]:
        """Ask what to do about a held port; an older question about the service is withdrawn."""
        who = "unknown" if holder is None else f"{holder.pid or 0}.{holder.start_ticks or 0}"
        question = PortQuestion(
            f"conflict:{service.id.key}:{who}",
            QuestionKind.CONFLICT,
            service,
            ask_about_conflict(service, port, holder),
            choices_for(holder),
            holder,
            port,
        )
        return [*self.withdraw(service.id), *self._put(question)]

    def ask_ephemeral(self, service: Service, ephemeral: tuple[int, int]) -> list[Command]:
        """Ask, once, whether a fresh service in the ephemeral range is let in."""
        self._asked[service.id] = None
        if len(self._asked) > MAX_ASKED:
            self._asked.popitem(last=False)
        text = ask_about_ephemeral(service, ephemeral)
        name = f"ephemeral:{service.id.key}"
        return self._put(PortQuestion(name, QuestionKind.EPHEMERAL, service, text, (ALLOW, SKIP)))

    def withdraw(self, id_: ServiceId) -> list[Command]:
        """Withdraw the question about a service, if there is one."""
        name = self._of.pop(id_, None)
        if name is None or self._queue.pop(name, None) is not None:
            return []
        del self._open[name]
        return [WithdrawQuestion(name), *self._promote()]

    def take(self, name: str, choice: str) -> tuple[PortQuestion | None, list[Command]]:
        """Close the question that was answered; None if it is not open or has no such choice."""
        question = self._open.get(name)
        if question is None or choice not in question.choices:
            return None, []
        del self._open[name]
        del self._of[question.service.id]
        return question, self._promote()

    def close(self, name: str) -> tuple[PortQuestion | None, list[Command]]:
        """Close a question without an answer; return None if it is not open."""
        question = self._open.pop(name, None)
        if question is None:
            return None, []
        del self._of[question.service.id]
        return question, self._promote()

    def _put(self, question: PortQuestion) -> list[Command]:
        self._of[question.service.id] = question.id
        if len(self._open) >= MAX_OPEN:
            self._queue[question.id] = question
            return []
        self._open[question.id] = question
        return [AskUser(question)]

    def _promote(self) -> list[Command]:
        if not self._queue:
            return []
        name = next(iter(self._queue))
        self._open[name] = self._queue.pop(name)
        return [AskUser(self._open[name])]


def choices_for(holder: PortHolder | None) -> tuple[str, ...]:
    """Return what a person may choose; kill only where it is possible."""
    return (REMAP, SKIP) if explain_refusal(holder) else (KILL, REMAP, SKIP)


def ask_about_conflict(service: Service, port: int, holder: PortHolder | None) -> str:
    """Return the question of a conflict."""
    return (
        f"Port {port} here is held by {describe_holder(holder)}; "
        f"{describe_service(service)} wants it. What shall be done?"
    )


def ask_about_ephemeral(service: Service, ephemeral: tuple[int, int]) -> str:
    """Return the question about a service in this machine's ephemeral range."""
    low, high = ephemeral
    return (
        f"{describe_service(service)} is left out: port {service.id.port} lies in "
        f"this machine's ephemeral range ({low}-{high}). Let it through?"
    )


def describe_service(service: Service) -> str:
    """Return "postgres at 127.0.0.1:5432 of the target", or "nginx.service at ..."."""
    known = service.container or service.process or service.unit
    name = known or f"the {service.id.proto.value} service"
    return f"{name} at {service.id.endpoint} of the target"
