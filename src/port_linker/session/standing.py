"""Whether flows move, whichever link carries them, and who is told. I/O: through the binder."""

from __future__ import annotations

import logging

from port_linker.binding import events as bind_events
from port_linker.link.choose import Choice
from port_linker.session import inputs
from port_linker.session.binder import Binder
from port_linker.session.news import AgentNews
from port_linker.session.outage import OutageWatch
from port_linker.session.quic import QuicSession
from port_linker.session.reporter import Reporter

logger = logging.getLogger(__name__)

UNSEEN = "ssh is gone; connections go on over QUIC, new services are seen once it is back"


class Standing:
    """Tells reporter and binder of outages; an outage of ssh alone is none while QUIC carries."""

    def __init__(
        self, reporter: Reporter, binder: Binder, quic: QuicSession, news: AgentNews
    ) -> None:
        self._reporter, self._binder, self._quic, self._news = reporter, binder, quic, news
        self._outage = OutageWatch()

    def take_up(self, command: inputs.ReportUp) -> None:
        """The stdio link is up."""
        logger.info("link up", extra={"first": command.first, "resumes": command.resumes})
        change = self._outage.look(True, self._quic.is_carrying)
        if not command.first and change is None:
            self._reporter.stdio_up()  # QUIC carried on meanwhile
            return
        self._reporter.up(command.first, command.resumes)
        if not command.first:
            self._news.tell_link_up()

    def take_outage(self, command: inputs.ReportOutage) -> None:
        """The stdio link is down, and stays so for now."""
        logger.warning("ssh lost", extra={"reason": command.reason, "retry_s": command.retry_in_s})
        if self._outage.is_stdio_up and self._quic.is_carrying:
            self._reporter.log("warning", "host", UNSEEN)
        self._outage.look(False, self._quic.is_carrying)
        if self._quic.is_carrying:
            self._reporter.stdio_down(command.reason)
            return
        self._reporter.outage(command.reason, command.retry_in_s)
        self._binder.handle(bind_events.LinkDown(command.reason))

    def take_choice(self, choice: Choice) -> None:
        """Another link takes new flows; with ssh gone that begins or ends an outage."""
        change = self._outage.look(self._outage.is_stdio_up, self._quic.is_carrying)
        if change == "begun":
            self._reporter.outage(choice.reason, None)
            self._binder.handle(bind_events.LinkDown(choice.reason))
        elif change == "over":
            self._reporter.back()
            self._news.tell_link_up()
