"""Makes the events of a session: what happened, when, to which target. I/O: reads the clock."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from port_linker import clock
from port_linker.cause import FLOWS_LOST, Cause
from port_linker.deploy.settings import Progress, Stage, StageDone, StderrLine
from port_linker.link.figures import OVER_QUIC, Figures, is_news
from port_linker.session import events as ev

logger = logging.getLogger(__name__)

_STDIO = "stdio"


class Reporter:
    """Fills in time and target, remembers what was told."""

    def __init__(self, target: str, emit: Callable[[ev.SessionEvent], None]) -> None:
        self._target = target
        self.emit = emit
        self._was_up = False
        self._contact_s = clock.monotonic_s()
        self._states: dict[str, ev.LinkState] = {}  # of the links, as told last
        self._figures: dict[str, Figures] = {}
        self._rtts_ms: dict[str, float | None] = {}  # a sidecar tells its last one in the dark, too
        self._standing: dict[str, tuple[Cause | None, bool]] = {}  # why it is so, and needs_you

    def hello(self, version: str, session: str) -> None:
        """The first event."""
        self.emit(ev.HelloEvent(clock.wall_s(), self._target, version, session))

    def connecting(self) -> None:
        """The first attempt begins."""
        self._state(ev.SessionState.CONNECTING)
        self._link(ev.LinkState.TRYING)

    def deploying(self) -> None:
        """The login is done; the agent is brought there. In an outage that is no news."""
        if not self._was_up:
            self._state(ev.SessionState.DEPLOYING)

    def up(self, first: bool, resumes: bool = True) -> None:
        """Flows move. resumes: those that were open before do too; else a new agent runs."""
        self._was_up, self._contact_s = True, clock.monotonic_s()
        if not first:
            self._state(ev.SessionState.REATTACHED, None if resumes else Cause(FLOWS_LOST))
        self._state(ev.SessionState.UP)
        self._link(ev.LinkState.UP)

    def back(self) -> None:
        """Flows move again, though ssh is not back."""
        self._contact_s = clock.monotonic_s()
        self._state(ev.SessionState.REATTACHED)
        self._state(ev.SessionState.UP)

    def outage(self, cause: Cause | None, retry_in_s: float | None) -> None:
        """Flows wait. retry_in_s: until ssh is tried again, None if that was told before."""
        at, silent_s = clock.wall_s(), round(clock.monotonic_s() - self._contact_s, 1)
        outage = ev.SessionState.OUTAGE
        self.emit(ev.StateEvent(at, self._target, outage, cause, retry_in_s, silent_s))

    def progress(self, progress: Progress) -> None:
        """Tell what a person should know of an attempt; all of it stands in the log."""
        if isinstance(progress, StageDone) and progress.stage is Stage.LOGIN:
            self.deploying()
        elif isinstance(progress, StderrLine):
            self.log("warning" if progress.login else "debug", "target", progress.text)
        logger.debug("connecting", extra={"progress": repr(progress)})

    def closed(self) -> None:
        """The last event."""
        self._state(ev.SessionState.CLOSED)

    def link(
        self,
        name: str,
        state: ev.LinkState,
        cause: Cause | None = None,
        path: str | None = None,
        needs_you: bool = False,
    ) -> None:
        """A link changed its state, or its path; what was measured before no longer counts."""
        self._states[name] = state
        self._figures[name] = Figures(path)
        self._standing[name] = cause, needs_you
        at = clock.wall_s()
        event = ev.LinkEvent(at, self._target, name, state, None, cause, path)
        self.emit(replace(event, needs_you=needs_you))

    def figures(self, name: str, found: Figures) -> None:
        """Tell what was measured of a link that is up, if it is news."""
        if found.rtt_ms is not None:
            if name == _STDIO or found.rtt_ms != self._rtts_ms.get(name):
                self._contact_s = clock.monotonic_s()
            self._rtts_ms[name] = found.rtt_ms
        told = self._figures.get(name, Figures())
        now = told.merged(found)
        if self._states.get(name, ev.LinkState.UP) is ev.LinkState.UP and is_news(told, now):
            self._figures[name] = now
            at, state = clock.wall_s(), ev.LinkState.UP
            cause, needs_you = self._standing.get(name, (None, False))
            event = ev.LinkEvent(at, self._target, name, state, **vars(now))
            self.emit(replace(event, cause=cause, needs_you=needs_you))

    def stdio_down(self, cause: Cause, needs_you: bool = False) -> None:
        """ssh is gone, and its link with it. needs_you: it is not tried again unasked."""
        self.link(_STDIO, ev.LinkState.DOWN, cause, None, needs_you)

    def stdio_carried(self, cause: Cause, needs_you: bool) -> None:
        """ssh is gone, but its link goes on inside QUIC."""
        self.link(_STDIO, ev.LinkState.UP, cause, OVER_QUIC, needs_you)

    def stdio_up(self) -> None:
        """ssh is back; nobody missed it."""
        self._link(ev.LinkState.UP)

    def round_trip(self, rtt_s: float) -> None:
        """Tell a round trip of the stdio link that is news."""
        self.figures(_STDIO, Figures(rtt_ms=round(rtt_s * 1000, 2)))

    def log(
        self, level: str, side: str, message: str, fields: dict[str, Any] | None = None
    ) -> None:
        """Write a line to the log; warnings are shown too."""
        number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
        extra = {"side": side, "fields": fields or {}}
        logging.getLogger("port_linker.session").log(number, message, extra=extra)
        if number >= logging.WARNING:
            event = ev.LogEvent(clock.wall_s(), self._target, level, side, message, fields or {})
            self.emit(event)

    def _state(self, state: ev.SessionState, cause: Cause | None = None) -> None:
        self.emit(ev.StateEvent(clock.wall_s(), self._target, state, cause))

    def _link(self, state: ev.LinkState) -> None:
        self.link(_STDIO, state)
