"""The life of a session: events in, commands out. Pure; `now` is monotonic seconds.

    connecting -> up -> outage -> up -> … -> closed

Before the first `up` an error ends the session; after it nothing but the user does: listeners
stay, flows wait, attempts go on. Not so after a refused login or a changed host key: the next one
would be refused too, and be counted as an attack. Then a person logs in, or nobody does.
"""

from __future__ import annotations

import enum
from typing import assert_never

from port_linker.cause import NO_SIGN_OF_LIFE, Cause, cause_of, explain
from port_linker.errors import AuthError, HostKeyError, PortLinkerError
from port_linker.session.backoff import Backoff
from port_linker.session.inputs import (
    AgentRestarted,
    Begun,
    ChannelFailed,
    ChannelOpened,
    CloseChannel,
    Greeted,
    Heard,
    LinkLost,
    LoginAsked,
    OpenChannel,
    OtherLinkChanged,
    QuitAsked,
    ReportAgentRestarted,
    ReportOutage,
    ReportUp,
    RetryAsked,
    RouteChanged,
    SendPing,
    SessionCommand,
    SessionInput,
    StopSession,
    Ticked,
    Woken,
)

HEARTBEAT_S = 2.0
DEAD_AFTER_S = 6.0  # three heartbeats without a sign of life
PROBE_S = 0.8  # after a wake an old link must answer within this, or a new one is made
ROUTE_PROBE_S = 3.0  # after a route change; the link may well be untouched
GREET_S = 10.0  # from the open channel to the agent's hello
STABLE_S = 5.0  # a link that lasted so long was good; a shorter one counts as a failed attempt
STALE_ATTEMPT_S = 1.0  # a wake replaces an attempt that is older than this


class _Phase(enum.Enum):
    IDLE = enum.auto()  # waits for retry_at, or for a person if that is None
    OPENING = enum.auto()  # an attempt runs
    GREETING = enum.auto()  # the channel is open, the hello is awaited
    UP = enum.auto()
    CLOSED = enum.auto()


class SessionMachine:
    """Decides when to connect, when a link is dead, and what is shown of it."""

    def __init__(self) -> None:
        self._phase = _Phase.IDLE
        self._backoff = Backoff()
        self._was_up = False
        self._is_outage = False
        self._deadline: float | None = None  # of the attempt, the hello, or the link's life
        self._ping_at = 0.0
        self._retry_at: float | None = None
        self._attempt_at = 0.0
        self._up_at = 0.0
        self._restarting = False
        self._needs_person = False  # ssh asked for what only a person has
        self._is_attended = False  # the attempt that runs asks a person

    @property
    def is_up(self) -> bool:
        """Whether flows move now."""
        return self._phase is _Phase.UP

    @property
    def is_without_ssh(self) -> bool:
        """Whether there was a link, and none is there or about to begin."""
        return self._was_up and self._phase in (_Phase.IDLE, _Phase.OPENING)

    def handle(  # noqa: C901 - a dispatcher
        self, event: SessionInput, now: float
    ) -> list[SessionCommand]:
        """Return what to do about one event."""
        if self._phase is _Phase.CLOSED:
            return []
        match event:
            case Begun():
                return self._open(now)
            case ChannelOpened():
                return self._await_hello(now)
            case ChannelFailed(error):
                return self._fail(error, now)
            case Greeted(resumes):
                return self._up(resumes, now)
            case LinkLost(cause):
                return self._lose(cause, now)
            case AgentRestarted():
                self._restarting = True
                return self._await_hello(now)
            case Heard():
                return self._heard(now)
            case Ticked():
                return self._tick(now)
            case Woken() | RetryAsked():
                return self._hurry(PROBE_S, now)
            case RouteChanged():
                return self._hurry(ROUTE_PROBE_S, now)
            case LoginAsked():
                return self._login(now)
            case OtherLinkChanged():
                return [] if self._phase is _Phase.UP else self._hurry(PROBE_S, now)
            case QuitAsked():
                return self._quit()
            case _:
                assert_never(event)

    def _open(self, now: float, is_attended: bool = False) -> list[SessionCommand]:
        self._phase = _Phase.OPENING
        self._retry_at = None
        self._attempt_at, self._is_attended = now, is_attended
        return [OpenChannel(unattended=self._was_up and not is_attended, resume=self._was_up)]

    def _login(self, now: float) -> list[SessionCommand]:
        if self._phase is _Phase.OPENING and self._was_up and not self._is_attended:
            return [CloseChannel(), *self._open(now, is_attended=True)]
        if self._phase is _Phase.IDLE and self._was_up:
            return self._open(now, is_attended=True)
        return []

    def _await_hello(self, now: float) -> list[SessionCommand]:
        self._phase, self._deadline = _Phase.GREETING, now + GREET_S
        return []

    def _fail(self, error: PortLinkerError, now: float) -> list[SessionCommand]:
        if self._phase is not _Phase.OPENING:
            return []
        if not self._was_up:
            self._phase = _Phase.CLOSED
            return [StopSession(error, say_goodbye=False)]
        self._needs_person |= isinstance(error, AuthError | HostKeyError)
        return self._retry_later(cause_of(error), now, spent_s=now - self._attempt_at)

    def _up(self, resumes: bool, now: float) -> list[SessionCommand]:
        if self._phase is not _Phase.GREETING:
            return []
        first, restarted = not self._was_up, self._restarting
        was_outage = self._is_outage or first
        self._phase = _Phase.UP
        self._was_up, self._is_outage, self._restarting = True, False, False
        self._needs_person = False
        self._up_at = self._ping_at = now
        self._deadline = now + DEAD_AFTER_S
        commands: list[SessionCommand] = []
        if restarted and not first:
            commands.append(ReportAgentRestarted())
        if was_outage:
            commands.append(ReportUp(first, resumes))
        return commands

    def _lose(self, cause: Cause, now: float) -> list[SessionCommand]:
        if self._phase not in (_Phase.UP, _Phase.GREETING):
            return []
        if not self._was_up:
            self._phase = _Phase.CLOSED
            error = PortLinkerError(
                f"the agent was started but the link ended: {explain(cause)}",
                hint="run `port-linker doctor HOST` to see which stage fails",
                code="PL-LINK-LOST",
            )
            return [CloseChannel(), StopSession(error, say_goodbye=False)]
        if self._phase is _Phase.UP and now - self._up_at >= STABLE_S:
            self._backoff.reset()
        return [CloseChannel(), *self._retry_later(cause, now)]

    def _retry_later(self, cause: Cause, now: float, spent_s: float = 0.0) -> list[SessionCommand]:
        self._phase, self._is_outage, self._retry_at = _Phase.IDLE, True, None
        if self._needs_person:
            return [ReportOutage(cause, None)]
        delay_s = self._backoff.next_delay_s(spent_s)
        self._retry_at = now + delay_s
        return [ReportOutage(cause, delay_s), *(self._open(now) if delay_s == 0 else [])]

    def _heard(self, now: float) -> list[SessionCommand]:
        if self._phase is _Phase.UP:
            self._deadline = now + DEAD_AFTER_S
        return []

    def _tick(self, now: float) -> list[SessionCommand]:
        if self._phase is _Phase.IDLE and self._retry_at is not None and now >= self._retry_at:
            return self._open(now)
        if self._phase in (_Phase.UP, _Phase.GREETING) and now >= (self._deadline or 0.0):
            return self._lose(Cause(NO_SIGN_OF_LIFE), now)
        if self._phase is _Phase.UP and now >= self._ping_at:
            self._ping_at = now + HEARTBEAT_S
            return [SendPing()]
        return []

    def _hurry(self, probe_s: float, now: float) -> list[SessionCommand]:
        """A new network may be there: probe a link that is up, connect at once otherwise."""
        self._backoff.reset()
        if self._phase is _Phase.UP:
            self._deadline = min(self._deadline or now, now + probe_s)
            return [SendPing()]
        if self._needs_person or self._is_attended:
            return []
        if self._phase is _Phase.IDLE and self._was_up:
            self._backoff.next_delay_s()
            return self._open(now)
        is_stale = now - self._attempt_at >= STALE_ATTEMPT_S
        if self._phase is _Phase.OPENING and self._was_up and is_stale:
            return [CloseChannel(), *self._open(now)]
        return []

    def _quit(self) -> list[SessionCommand]:
        say_goodbye = self._phase is _Phase.UP
        self._phase = _Phase.CLOSED
        return [StopSession(None, say_goodbye)]
