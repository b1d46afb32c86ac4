"""The one place on the host that carries a session's commands out. I/O."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any

from port_linker import __version__
from port_linker.errors import EXIT_OK, PortLinkerError
from port_linker.link.choose import Choice
from port_linker.link.interface import Traffic
from port_linker.link.sidecar import Sidecar
from port_linker.session import inputs
from port_linker.session.contact import Contact
from port_linker.session.frontend import FrontEnd
from port_linker.session.keeper import AgentKeeper
from port_linker.session.local import check_not_self, make_binder
from port_linker.session.news import AgentNews
from port_linker.session.pulse import run_pulse
from port_linker.session.quic import QuicSession
from port_linker.session.reporter import Reporter
from port_linker.session.routes import RouteWatcher
from port_linker.session.settings import SessionSettings
from port_linker.session.stale import StaleMarks
from port_linker.session.standing import Standing
from port_linker.session.state_file import StateFile
from port_linker.ssh.target import parse_target
from port_linker.tasks import start_task, stop_task

logger = logging.getLogger(__name__)


class SessionRunner:
    """One session: machines that decide, a link, a connector, a binder, and a front end."""

    def __init__(
        self, settings: SessionSettings, frontend: FrontEnd, state: StateFile, session: str
    ) -> None:
        self._settings, self._frontend = settings, frontend
        self._target, self._me = parse_target(settings.target, settings.ssh_flags), session
        self._reporter = Reporter(self._target.display, frontend.on_event)
        self._keeper = AgentKeeper(state, settings, session, self._reporter)
        self._contact = Contact(self._target, session, self._keeper, self._reporter.progress, self)
        self._contact.link.outage_wait_s = float(settings.outage_wait_s)
        self._quic = QuicSession(self._contact.link, self._target, settings, self._reporter, self)
        self._refusal: PortLinkerError | None = None  # why we leave though the link is fine
        loop = asyncio.get_running_loop()
        self._stopped: asyncio.Future[PortLinkerError | None] = loop.create_future()
        marks = StaleMarks(self._reporter.emit)
        emit, name = marks.take, self._target.display
        self._binder = make_binder(settings, self._target, self._quic.switch, emit, frontend)
        self.has_answer, self.take_back = self._binder.has_answer, self._binder.take_back  # Control
        self._contact.link.pace_by(self._binder.is_behind)
        judges = (functools.partial(check_not_self, settings, name), self._keeper.claim)
        self._news = AgentNews(self._binder, self._quic, self._reporter, judges, self._refuse)
        self._standing = Standing(
            self._reporter,
            self._binder,
            self._quic,
            self._news,
            marks,
            lambda: self._contact.is_carried,
        )
        self._actions: dict[type[Any], Callable[[Any], None]] = {
            inputs.ReportUp: self._standing.take_up,
            inputs.ReportOutage: self._standing.take_outage,
            inputs.ReportAgentRestarted: self._report_restarted,
            inputs.StopSession: self._stop,
        }

    async def run(self) -> int:
        """Run until the user leaves or the first attempt fails; return the exit status.

        Raises PortLinkerError with the reason if no session came about.
        """
        self._reporter.hello(__version__, self._me)
        self._keeper.save()
        screen = start_task(self._show(), "front end")
        ticker = start_task(run_pulse(self._on_tick, self._on_wake), "pulse")
        routes = RouteWatcher(self._on_route_change)
        self._reporter.connecting()
        self._contact.handle(inputs.Begun())
        self._quic.start()
        try:
            error = await self._stopped
        except asyncio.CancelledError:  # Ctrl-C or a signal
            if self._contact.leave():
                await self._say_goodbye()
            raise
        finally:
            routes.close()
            self._contact.drop()
            self._binder.close()
            await stop_task(ticker)
            await self._contact.shut()
            await self._quic.close()
            self._reporter.closed()
            await stop_task(screen)
        if not screen.cancelled() and screen.exception() is not None:
            screen.result()  # nobody saw the session any more; whoever called shall hear of it
        if error is not None:
            raise error
        return EXIT_OK

    # SessionControl: what a front end may do

    def quit(self) -> None:
        """End the session in good order."""
        self._contact.handle(inputs.QuitAsked())

    def reconnect_now(self) -> None:
        """Try the link again at once instead of after the backoff."""
        self._contact.handle(inputs.RetryAsked())

    async def login(self) -> None:
        """Let ssh ask the person at the terminal; return when it is done with them."""
        await self._contact.login()

    def traffic(self) -> Mapping[str, Traffic]:
        """Return the counters of every service, by its key."""
        return self._binder.traffic()

    def _on_route_change(self) -> None:
        self._contact.handle(inputs.RouteChanged())
        self._quic.route_changed()

    async def _show(self) -> None:
        try:
            await self._frontend.run(self)
        finally:
            self.quit()

    # Time

    def _on_wake(self) -> None:
        self._contact.handle(inputs.Woken())
        self._quic.woke()

    def _on_tick(self) -> None:
        self._contact.tick()
        self._quic.tick()
        self._contact.look()
        self._standing.tick()

    # ContactOwner

    def on_report(self, command: inputs.SessionCommand) -> None:
        """Carry out what the session machine wants done."""
        self._actions[type(command)](command)

    def on_stdio(self, is_up: bool, resumes: bool) -> None:
        """ssh's channel to the agent came or went; what QUIC carries is none for it."""
        if is_up:
            self._quic.stdio_up(resumes)
        else:
            self._quic.stdio_down()

    def on_carried(self) -> None:
        """QUIC has begun or ceased to carry the stdio link."""
        self._standing.tell_ssh()

    @property
    def way(self) -> Sidecar | None:
        """The sidecar of a QUIC link that new flows take."""
        return self._quic.switch.carrier

    def on_control(self, message: dict[str, Any]) -> None:
        """The agent says something. Raises ProtocolError if it is malformed."""
        self._news.take(message)

    def on_round_trip(self, rtt_s: float) -> None:
        """A ping was answered."""
        self._reporter.round_trip(rtt_s)

    def _report_restarted(self, _command: inputs.ReportAgentRestarted) -> None:
        self._reporter.log("warning", "agent", "the agent had died and was started again")

    def _stop(self, command: inputs.StopSession) -> None:
        start_task(self._end(command), "end")

    async def _end(self, command: inputs.StopSession) -> None:
        if command.say_goodbye or self._contact.is_carried:
            await self._say_goodbye()
        if not self._stopped.done():
            self._stopped.set_result(command.error or self._refusal)

    async def _say_goodbye(self) -> None:
        self._quic.ending()
        await self._contact.say_goodbye()

    # QuicOwner

    def on_choice(self, choice: Choice) -> None:
        """Another link takes new flows."""
        self._standing.take_choice(choice)
        self._contact.handle(inputs.OtherLinkChanged())

    def on_quic_refused(self, error: PortLinkerError) -> None:
        """QUIC did not come about, and the user wants nothing else."""
        self._refuse(error)

    def _refuse(self, error: PortLinkerError) -> None:
        """Leave, though the link is fine."""
        self._refusal = error
        self._contact.handle(inputs.QuitAsked())
