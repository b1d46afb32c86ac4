"""Define the events of the port machine. Pure.

The runner answers each BindService with one BindDone or BindFailed for each of its local addresses.
"""

from __future__ import annotations

from dataclasses import dataclass

from port_linker.model import Service, ServiceId
from port_linker.ports.policy import Policy
from port_linker.ports.types import Local, PortHolder, TargetFacts


@dataclass(frozen=True)
class LinkUp:
    """Flows can be carried (again). What is bound becomes ready without a new bind."""

    target: TargetFacts


@dataclass(frozen=True)
class LinkDown:
    """No link carries flows. Sockets stay, new connections wait."""

    reason: str


@dataclass(frozen=True)
class ServicesChanged:
    """The agent saw services come, change or go.

    is_complete: appeared is the whole list; what it does not name has vanished.
    """

    appeared: tuple[Service, ...] = ()
    changed: tuple[Service, ...] = ()
    vanished: tuple[ServiceId, ...] = ()
    is_complete: bool = False


@dataclass(frozen=True)
class LimitsChanged:
    """Another number of services fits on this machine; see LocalFacts."""

    max_services: int
    fd_services: int


@dataclass(frozen=True)
class BindDone:
    """A socket is bound at this address (and listens, for TCP)."""

    service: ServiceId
    local: Local


@dataclass(frozen=True)
class BindFailed:
    """A local address could not be bound. holder: who has it, where that can be known."""

    service: ServiceId
    local: Local
    errno: int
    holder: PortHolder | None = None


@dataclass(frozen=True)
class Answered:
    """A person chose. Answers to a question that is no longer open do nothing."""

    question: str
    choice: str


@dataclass(frozen=True)
class Unanswered:
    """Nobody is there to answer a question: it counts as not asked."""

    question: str


@dataclass(frozen=True)
class AnswerTakenBack:
    """A person takes back a choice for a service, and is asked again if necessary."""

    service: ServiceId


@dataclass(frozen=True)
class ChoiceMade:
    """Someone orders KILL, REMAP, SKIP or ALLOW (policy.py) for a service, without being asked.

    It counts like an answer: an open question about the service is withdrawn.
    """

    service: ServiceId
    choice: str


@dataclass(frozen=True)
class PolicyChanged:
    """Another policy is in force. Answers and remembered ports stay."""

    policy: Policy


@dataclass(frozen=True)
class KillDone:
    """KillHolder was carried out, or refused; detail says why it failed."""

    service: ServiceId
    is_ok: bool
    detail: str | None = None


@dataclass(frozen=True)
class Ticked:
    """The time asked for with WakeAt has come; too early does no harm."""


PersonEvent = Answered | Unanswered | AnswerTakenBack | ChoiceMade | PolicyChanged
Event = (
    LinkUp | LinkDown | LimitsChanged | ServicesChanged | BindDone | BindFailed
    | KillDone | PersonEvent | Ticked
)  # fmt: skip
