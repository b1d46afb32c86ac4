"""What the session machine hears and what it wants done. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from port_linker.cause import Cause
from port_linker.errors import PortLinkerError

# Events


@dataclass(frozen=True)
class Begun:
    """The session starts."""


@dataclass(frozen=True)
class ChannelOpened:
    """The agent has the channel; its hello is awaited."""


@dataclass(frozen=True)
class ChannelFailed:
    """An attempt ended without a channel."""

    error: PortLinkerError


@dataclass(frozen=True)
class Greeted:
    """The hellos have met. resumes: flows go on; otherwise a new agent runs."""

    resumes: bool


@dataclass(frozen=True)
class LinkLost:
    """The channel ended."""

    cause: Cause


@dataclass(frozen=True)
class AgentRestarted:
    """The agent died; another one runs on the same channel."""


@dataclass(frozen=True)
class Heard:
    """Bytes came in."""


@dataclass(frozen=True)
class Ticked:
    """Time passed."""


@dataclass(frozen=True)
class Woken:
    """The machine or the process slept."""


@dataclass(frozen=True)
class RouteChanged:
    """The network of this machine changed."""


@dataclass(frozen=True)
class OtherLinkChanged:
    """QUIC answers again, or is lost: either way the time to try ssh is now."""


@dataclass(frozen=True)
class RetryAsked:
    """The user wants an attempt now."""


@dataclass(frozen=True)
class LoginAsked:
    """A person sits at the terminal and will answer what ssh asks."""


@dataclass(frozen=True)
class QuitAsked:
    """The user ends the session."""


SessionInput = (
    Begun | ChannelOpened | ChannelFailed | Greeted | LinkLost | AgentRestarted
    | Heard | Ticked | Woken | RouteChanged | OtherLinkChanged | RetryAsked | LoginAsked
    | QuitAsked
)  # fmt: skip


# Commands


@dataclass(frozen=True)
class OpenChannel:
    """Connect; unattended: ask nobody, trust no ControlMaster. Replaces a running attempt.

    resume: whether an agent of ours runs there already.
    """

    unattended: bool
    resume: bool = False


@dataclass(frozen=True)
class CloseChannel:
    """Give the channel or the running attempt up, at once."""


@dataclass(frozen=True)
class SendPing:
    """Ask for a sign of life."""


@dataclass(frozen=True)
class ReportUp:
    """The link is up. first: for the first time. resumes: flows went on."""

    first: bool
    resumes: bool


@dataclass(frozen=True)
class ReportOutage:
    """The link is down; the next attempt is in so many seconds, None if only a person makes it."""

    cause: Cause
    retry_in_s: float | None


@dataclass(frozen=True)
class ReportAgentRestarted:
    """Flows were reset: the agent had died."""


@dataclass(frozen=True)
class StopSession:
    """End the process. say_goodbye: the link is up and the agent shall end too."""

    error: PortLinkerError | None
    say_goodbye: bool


SessionCommand = (
    OpenChannel | CloseChannel | SendPing | ReportUp | ReportOutage | ReportAgentRestarted
    | StopSession
)  # fmt: skip
