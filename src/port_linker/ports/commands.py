"""Define the commands of the port machine. Pure. They are carried out in the order given."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from port_linker.cause import PLACEMENT
from port_linker.model import Service, ServiceId
from port_linker.ports.types import Local, PortHolder, ServiceState


@dataclass(frozen=True)
class BindService:
    """Bind these addresses and hand them to the link; answer each with BindDone or BindFailed.

    dials: by local family, which socket of the service is dialled if not the one of its name.
    """

    service: ServiceId
    locals: tuple[Local, ...]
    dials: tuple[tuple[int, ServiceId], ...] = ()


@dataclass(frozen=True)
class ReleaseService:
    """Take these addresses from the link and close their sockets. Open flows go on.

    is_conflict: another program has the port's other family, so that even --hold lets it go.
    """

    service: ServiceId
    locals: tuple[Local, ...]
    is_conflict: bool = False


@dataclass(frozen=True)
class HoldService:
    """Make new connections wait, each at most deadline_s; then it is reset."""

    service: ServiceId
    deadline_s: float


@dataclass(frozen=True)
class UnholdService:
    """Send the connections that wait, and new ones, to the target."""

    service: ServiceId


@dataclass(frozen=True)
class ResetFlows:
    """Reset the service's flows, and those that wait: the port has another owner now."""

    service: ServiceId


@dataclass(frozen=True)
class KillHolder:
    """End the process that holds the port (os/kill.py); answer with KillDone."""

    service: ServiceId
    holder: PortHolder
    port: int


class QuestionKind(enum.StrEnum):
    """The subject of a question."""

    CONFLICT = "conflict"
    EPHEMERAL = "ephemeral"


@dataclass(frozen=True)
class PortQuestion:
    """A question to a person. text: the sentence; choices: words for Answered, best first.

    holder, port: of a conflict, who has which port of this machine.
    """

    id: str
    kind: QuestionKind
    service: Service
    text: str
    choices: tuple[str, ...]
    holder: PortHolder | None = None
    port: int | None = None


@dataclass(frozen=True)
class AskUser:
    """Ask a question; answer with Answered, Unanswered, or not at all."""

    question: PortQuestion


@dataclass(frozen=True)
class WithdrawQuestion:
    """Withdraw a question: it no longer matters."""

    question: str


@dataclass(frozen=True)
class ReportService:
    """Report the state of a service. local: "127.0.0.1:8080", "[::1]:8080". GONE is the last."""

    service: Service
    state: ServiceState
    local: tuple[str, ...] = ()
    reason: str | None = None
    code: str = PLACEMENT


@dataclass(frozen=True)
class ReportConflict:
    """Report that a port is held here. Nothing is asked by it."""

    service: Service
    holder: PortHolder | None
    choices: tuple[str, ...]


@dataclass(frozen=True)
class SaveRemaps:
    """Remember the ports that stand in, by service key ("tcp/127.0.0.1:80" -> 8080)."""

    remaps: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class WakeAt:
    """Send Ticked at this time (same clock as `now`); replaces the time asked for before."""

    at: float


Command = (
    BindService
    | ReleaseService
    | HoldService
    | UnholdService
    | ResetFlows
    | KillHolder
    | AskUser
    | WithdrawQuestion
    | ReportService
    | ReportConflict
    | SaveRemaps
    | WakeAt
)
