"""The one place on the host that carries a session's commands out. I/O."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from port_linker import __version__, clock
from port_linker.deploy.channel import AgentChannel
from port_linker.errors import EXIT_OK, PortLinkerError, ProtocolError
from port_linker.link.choose import Choice
from port_linker.link.interface import Traffic
from port_linker.link.mux_link import MuxLink
from port_linker.session import inputs
from port_linker.session.binder import Binder
from port_linker.session.connector import Connector
from port_linker.session.keeper import AgentKeeper
from port_linker.session.local import check_not_self, make_binding_machine, peer_check
from port_linker.session.machine import SessionMachine
from port_linker.session.news import AgentNews
from port_linker.session.pulse import run_pulse
from port_linker.session.quic import QuicSession
from port_linker.session.reporter import Reporter
from port_linker.session.routes import RouteWatcher
from port_linker.session.settings import SessionSettings
from port_linker.session.standing import Standing
from port_linker.session.state_file import StateFile
from port_linker.ssh.target import parse_target
from port_linker.tasks import start_task, stop_task

if TYPE_CHECKING:
    from port_linker.ui.frontend import FrontEnd

logger = logging.getLogger(__name__)

GOODBYE_S = 1.0  # for the agent to end after our goodbye


class SessionRunner:
    """One session: machines that decide, a link, a connector, a binder, and a front end."""

    def __init__(
        self, settings: SessionSettings, frontend: FrontEnd, state: StateFile, session: str
    ) -> None:
        self._settings, self._frontend = settings, frontend
        self._target, self._me = parse_target(settings.target), session
        self._reporter = Reporter(self._target.display, frontend.on_event)
        self._machine = SessionMachine()
        self._link = MuxLink(self, self._me)
        self._quic = QuicSession(self._link, self._target, settings, self._reporter, self)
        self._connector = Connector(self._target, self, self._reporter.progress)
        self._keeper = AgentKeeper(state, settings, session, self._reporter)
        self._heard_bytes = 0
        self._refusal: PortLinkerError | None = None  # why we leave though the link is fine
        self._is_ending = False
        loop = asyncio.get_running_loop()
        self._stopped: asyncio.Future[PortLinkerError | None] = loop.create_future()
        machine, save = make_binding_machine(settings, self._target)
        emit, check, name = self._reporter.emit, peer_check(settings), self._target.display
        self._binder = Binder(machine, self._quic.switch, name, emit, frontend, save, check)
        judges = (functools.partial(check_not_self, settings, name), self._keeper.claim)
        self._news = AgentNews(self._binder, self._quic, self._reporter, judges, self._refuse)
        self._standing = Standing(self._reporter, self._binder, self._quic, self._news)
        self._actions: dict[type[Any], Callable[[Any], None]] = {
            inputs.OpenChannel: self._open_channel,
            inputs.CloseChannel: lambda _: self._close_channel(),
            inputs.SendPing: lambda _: self._link.ping(),
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
        self._handle(inputs.Begun())
        self._quic.start()
        try:
            error = await self._stopped
        except asyncio.CancelledError:  # Ctrl-C or a signal
            was_up, self._is_ending = self._machine.is_up, True
            self._machine.handle(inputs.QuitAsked(), clock.monotonic_s())  # its end is no outage
            if was_up:
                await self._say_goodbye()
            raise
        finally:
            routes.close()
            self._binder.close()
            await stop_task(ticker)
            await self._connector.shut()
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
        self._handle(inputs.QuitAsked())

    def reconnect_now(self) -> None:
        """Try the link again at once instead of after the backoff."""
        self._handle(inputs.RetryAsked())

    def traffic(self) -> Mapping[str, Traffic]:
        """Return the counters of every service, by its key."""
        return {service.key: traffic for service, traffic in self._quic.switch.traffic().items()}

    def _on_route_change(self) -> None:
        self._handle(inputs.RouteChanged())
        self._quic.route_changed()

    async def _show(self) -> None:
        try:
            await self._frontend.run(self)
        finally:
            self.quit()

    # Time

    def _on_wake(self) -> None:
        self._handle(inputs.Woken())
        self._quic.woke()

    def _on_tick(self) -> None:
        if self._link.received_bytes != self._heard_bytes:
            self._heard_bytes = self._link.received_bytes
            self._handle(inputs.Heard())
        self._handle(inputs.Ticked())
        self._quic.tick()

    # The session machine's commands

    def _handle(self, event: inputs.SessionInput) -> None:
        logger.debug("session event", extra={"event": repr(event)})
        for command in self._machine.handle(event, clock.monotonic_s()):
            self._actions[type(command)](command)

    def _open_channel(self, command: inputs.OpenChannel) -> None:
        settings = self._keeper.plan_connect(command.unattended)
        self._connector.open(settings, command.unattended)

    def _close_channel(self) -> None:
        self._link.disconnect()
        self._quic.stdio_down()
        self._connector.close()

    def _report_restarted(self, _command: inputs.ReportAgentRestarted) -> None:
        self._reporter.log("warning", "agent", "the agent had died and was started again")

    def _stop(self, command: inputs.StopSession) -> None:
        self._is_ending = True
        start_task(self._end(command), "end")

    async def _end(self, command: inputs.StopSession) -> None:
        if command.say_goodbye:
            await self._say_goodbye()
        if not self._stopped.done():
            self._stopped.set_result(command.error or self._refusal)

    async def _say_goodbye(self) -> None:
        """Let the agent end now rather than with its lease."""
        self._quic.ending()
        self._link.send_control({"t": "bye"})
        if await self._connector.wait_ended(GOODBYE_S):
            self._keeper.forget()  # else it may still run: the next session takes it over

    # QuicOwner

    def on_choice(self, choice: Choice) -> None:
        """Another link takes new flows."""
        self._standing.take_choice(choice)

    def on_quic_refused(self, error: PortLinkerError) -> None:
        """QUIC did not come about, and the user wants nothing else."""
        self._refuse(error)

    def _refuse(self, error: PortLinkerError) -> None:
        """Leave, though the link is fine."""
        self._refusal = error
        self._handle(inputs.QuitAsked())

    # ConnectorOwner

    def on_channel_opened(self, channel: AgentChannel) -> None:
        """Speak over the new channel."""
        self._handle(inputs.ChannelOpened())
        self._connect(channel, channel.sync)

    def on_channel_failed(self, error: PortLinkerError) -> None:
        """The attempt ended without a channel."""
        self._handle(inputs.ChannelFailed(error))

    def on_agent_restarted(self, channel: AgentChannel, sync: bytes) -> None:
        """Speak to the new agent over the same channel."""
        self._handle(inputs.AgentRestarted())
        self._connect(channel, sync)

    def on_channel_ended(self, reason: str) -> None:
        """The child is gone."""
        self._handle(inputs.LinkLost(reason))

    def _connect(self, channel: AgentChannel, sync: bytes) -> None:
        descriptor = channel.sock.fileno()
        self._heard_bytes = 0
        self._link.connect((descriptor, descriptor), sync)

    # LinkOwner

    def on_attached(self, resumes: bool) -> None:
        """The hellos met."""
        self._handle(inputs.Greeted(resumes))
        self._quic.stdio_up(resumes)

    def on_link_lost(self, reason: str) -> None:
        """The pipe ended."""
        self._handle(inputs.LinkLost(reason))

    def on_round_trip(self, rtt_s: float) -> None:
        """A ping was answered."""
        self._handle(inputs.Heard())
        self._reporter.round_trip(rtt_s)

    def on_control(self, message: dict[str, Any]) -> None:
        """The agent says something; what is malformed ends the link, not the session."""
        if self._is_ending:
            return
        try:
            self._news.take(message)
        except ProtocolError as error:
            logger.exception("malformed message", extra={"kind": message.get("t")})
            self._handle(inputs.LinkLost(error.message))
