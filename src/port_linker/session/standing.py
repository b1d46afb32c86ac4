"""Whether flows move, whichever link carries them, and who is told. I/O: through the binder."""

from __future__ import annotations

import logging
from collections.abc import Callable

from port_linker import clock
from port_linker.cause import Cause, explain
from port_linker.link.choose import Choice
from port_linker.ports import events as port_events
from port_linker.session import inputs
from port_linker.session.binder import Binder
from port_linker.session.news import AgentNews
from port_linker.session.outage import OutageWatch
from port_linker.session.quic import QuicSession
from port_linker.session.reporter import Reporter
from port_linker.session.stale import StaleMarks

logger = logging.getLogger(__name__)

UNSEEN = (
    "ssh is gone ({}); connections go on over QUIC, what comes and goes is seen once it is back"
)
BLIND_AFTER_S = 1.0  # a carried link is there within a round trip or two


class Standing:
    """Tells reporter and binder of outages; an outage of ssh alone is none while QUIC carries.

    is_carried: whether the stdio link goes on inside QUIC, so that the target is seen without ssh.
    """

    def __init__(
        self,
        reporter: Reporter,
        binder: Binder,
        quic: QuicSession,
        news: AgentNews,
        marks: StaleMarks,
        is_carried: Callable[[], bool],
    ) -> None:
        self._reporter, self._binder, self._quic, self._news = reporter, binder, quic, news
        self._marks, self._is_carried = marks, is_carried
        self._outage = OutageWatch()
        self._lost: inputs.ReportOutage | None = None  # ssh; None while it is there
        self._told: tuple[Cause, bool, bool] | None = None  # of ssh: why, needs you, carried
        self._blind_since: float | None = None

    def take_up(self, command: inputs.ReportUp) -> None:
        """The stdio link is up."""
        logger.info("link up", extra={"first": command.first, "resumes": command.resumes})
        self._lost = None
        self._told = None
        self.tick()
        change = self._outage.look(True, self._quic.is_carrying)
        if not command.first and change is None:
            self._reporter.stdio_up()  # QUIC carried on meanwhile
            return
        self._reporter.up(command.first, command.resumes)
        if not command.first:
            self._news.tell_link_up()

    def take_outage(self, command: inputs.ReportOutage) -> None:
        """The stdio link is down, and stays so for now."""
        reason = explain(command.cause)
        logger.warning("ssh lost", extra={"reason": reason, "retry_s": command.retry_in_s})
        self._lost = command
        is_refused = command.retry_in_s is None  # each time is news to who has just logged in
        self._outage.look(False, self._quic.is_carrying)
        if self._quic.is_carrying:
            self.tell_ssh(is_refused)
            return
        self._reporter.outage(command.cause, command.retry_in_s)
        self.tell_ssh(is_refused)
        self._binder.handle(port_events.LinkDown(reason))

    def take_choice(self, choice: Choice) -> None:
        """Another link takes new flows; with ssh gone that begins or ends an outage."""
        change = self._outage.look(self._outage.is_stdio_up, self._quic.is_carrying)
        if change == "begun":
            self._reporter.outage(choice.cause, None)
            self.tell_ssh()
            self._binder.handle(port_events.LinkDown(explain(choice.cause)))
        elif change == "over":
            self._reporter.back()
            self._news.tell_link_up()

    def tell_ssh(self, is_news: bool = False) -> None:
        """Tell how ssh stands, and whether QUIC carries its link, if that is news."""
        lost, is_carried = self._lost, self._is_carried()
        if lost is None:
            return
        needs_you = lost.retry_in_s is None
        if self._told == (lost.cause, needs_you, is_carried) and not is_news:
            return
        self._told = (lost.cause, needs_you, is_carried)
        if is_carried:
            self._reporter.stdio_carried(lost.cause, needs_you)
        else:
            self._reporter.stdio_down(lost.cause, needs_you)
        self.tick()

    def tick(self) -> None:
        """Look whether what is shown of the target can still be known."""
        lost, now = self._lost, clock.monotonic_s()
        if lost is None or self._is_carried() or not self._quic.is_carrying:
            self._blind_since = None
            self._marks.set(False, clock.wall_s())
            return
        self._blind_since = now if self._blind_since is None else self._blind_since
        if now - self._blind_since >= BLIND_AFTER_S and self._marks.set(True, clock.wall_s()):
            self._reporter.log("warning", "host", UNSEEN.format(explain(lost.cause)))
