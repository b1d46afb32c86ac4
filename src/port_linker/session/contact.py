"""The contact with the agent: what decides about it, its pipe, and how that is got. I/O.

The pipe is ssh's channel, or while ssh is gone a stream inside QUIC (carrier.py). What happens to
the contact is told to its owner; nothing here is about services.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

from port_linker import clock
from port_linker.cause import LINK_ENDED, Cause
from port_linker.deploy.channel import AgentChannel
from port_linker.deploy.settings import Progress
from port_linker.errors import PortLinkerError, ProtocolError
from port_linker.link.mux_link import MuxLink
from port_linker.link.sidecar import Sidecar
from port_linker.session import inputs
from port_linker.session.carrier import Carrier
from port_linker.session.connector import Connector
from port_linker.session.keeper import AgentKeeper
from port_linker.session.machine import SessionMachine
from port_linker.ssh.target import Target

logger = logging.getLogger(__name__)

GOODBYE_S = 1.0  # for the agent to end after our goodbye


class ContactOwner(Protocol):
    """What the session wants to hear of its contact with the agent."""

    def on_report(self, command: inputs.SessionCommand) -> None:
        """Carry out what the machine wants done outside: a report, or the end."""

    def on_stdio(self, is_up: bool, resumes: bool) -> None:
        """ssh's channel to the agent is there, or gone. resumes: to the agent that we knew."""

    def on_carried(self) -> None:
        """The link has come to be inside QUIC, or is no longer."""

    def on_control(self, message: dict[str, Any]) -> None:
        """The agent says something. Raises ProtocolError if it is malformed."""

    def on_round_trip(self, rtt_s: float) -> None:
        """A ping was answered."""

    @property
    def way(self) -> Sidecar | None:
        """The sidecar of a QUIC link that is a way without ssh, None if there is none now."""


class Contact:
    """One agent at a time, over one pipe at a time."""

    def __init__(
        self,
        target: Target,
        me: str,
        keeper: AgentKeeper,
        on_progress: Callable[[Progress], None],
        owner: ContactOwner,
    ) -> None:
        self._keeper, self._owner = keeper, owner
        self.machine = SessionMachine()
        self.link = MuxLink(self, me)
        self._connector = Connector(target, self, on_progress)
        self._carrier = Carrier(self.link, keeper.make_pass, owner.on_carried)
        self._heard_bytes = 0
        self._logins: list[asyncio.Future[None]] = []  # of people who wait for their attempt's end
        self._is_ending = False
        self._actions: dict[type[Any], Callable[[Any], None]] = {
            inputs.OpenChannel: self._open_channel,
            inputs.CloseChannel: lambda _: self._close_channel(),
            inputs.SendPing: lambda _: self.link.ping(),
        }

    @property
    def is_carried(self) -> bool:
        """Whether the link goes on inside QUIC."""
        return self._carrier.is_up

    def handle(self, event: inputs.SessionInput) -> None:
        """Feed one event to the machine and carry out what follows."""
        logger.debug("session event", extra={"event": repr(event)})
        for command in self.machine.handle(event, clock.monotonic_s()):
            self._is_ending |= isinstance(command, inputs.StopSession)
            self._actions.get(type(command), self._owner.on_report)(command)
        self.look()

    def look(self) -> None:
        """Have QUIC carry the link, if ssh is gone and QUIC is a way."""
        if not self._is_ending:
            self._carrier.look(self._owner.way if self.machine.is_without_ssh else None)

    def tick(self) -> None:
        """Time has passed."""
        if self.link.received_bytes != self._heard_bytes:
            self._heard_bytes = self.link.received_bytes
            self._hear()
        self.handle(inputs.Ticked())

    async def login(self) -> None:
        """Let ssh ask the person at the terminal; return when it is done with them."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._logins.append(waiting)
        self.handle(inputs.LoginAsked())
        await waiting

    # The end

    def leave(self) -> bool:
        """The session ends, which is no outage; return whether there is an agent to tell of it."""
        was_up = self.machine.is_up or self.is_carried
        self._is_ending = True
        self.machine.handle(inputs.QuitAsked(), clock.monotonic_s())
        return was_up

    async def say_goodbye(self) -> None:
        """Let the agent end now rather than with its lease."""
        self._is_ending = True
        self.link.send_control({"t": "bye"})
        pipe = self._carrier if self._carrier.is_active else self._connector
        if await pipe.wait_ended(GOODBYE_S):
            self._keeper.forget()  # else it may still run: the next session takes it over

    def drop(self) -> None:
        """Keep nobody waiting, and no stream inside QUIC."""
        self._is_ending = True
        self._carrier.give_way()
        self._end_logins()

    async def shut(self) -> None:
        """Give everything up and wait until no child of ours is left."""
        self.drop()
        await self._connector.shut()

    # The machine's commands

    def _open_channel(self, command: inputs.OpenChannel) -> None:
        settings = self._keeper.plan_connect(command.resume)
        self._connector.open(settings, command.unattended)

    def _close_channel(self) -> None:
        if not self._carrier.is_active:  # then the link's pipe is not the channel
            self.link.disconnect()
        self._owner.on_stdio(False, False)
        self._connector.close()

    # ConnectorOwner

    def on_channel_opened(self, channel: AgentChannel) -> None:
        """Speak over the new channel."""
        self._carrier.give_way()
        self._end_logins()
        self.handle(inputs.ChannelOpened())
        self._connect(channel, channel.sync)

    def on_channel_failed(self, error: PortLinkerError) -> None:
        """The attempt ended without a channel."""
        self._end_logins()
        self.handle(inputs.ChannelFailed(error))

    def on_agent_restarted(self, channel: AgentChannel, sync: bytes) -> None:
        """Speak to the new agent over the same channel."""
        self.handle(inputs.AgentRestarted())
        self._connect(channel, sync)

    def on_channel_ended(self, cause: Cause) -> None:
        """The child is gone."""
        self.handle(inputs.LinkLost(cause))

    def _connect(self, channel: AgentChannel, sync: bytes) -> None:
        descriptor = channel.sock.fileno()
        self._heard_bytes = 0
        self.link.connect((descriptor, descriptor), sync)

    def _end_logins(self) -> None:
        logins, self._logins = self._logins, []
        for waiting in logins:
            if not waiting.done():
                waiting.set_result(None)

    # LinkOwner

    def on_attached(self, resumes: bool) -> None:
        """The hellos met."""
        if self._carrier.is_active:
            self._carrier.attached()
            return
        self.handle(inputs.Greeted(resumes))
        self._owner.on_stdio(True, resumes)

    def on_link_lost(self, reason: str) -> None:
        """The pipe ended."""
        if self._carrier.is_active:
            self._carrier.lost(reason)
        else:
            self.handle(inputs.LinkLost(Cause(LINK_ENDED, reason)))

    def on_round_trip(self, rtt_s: float) -> None:
        """A ping was answered."""
        self._hear()
        self._owner.on_round_trip(rtt_s)

    def on_control(self, message: dict[str, Any]) -> None:
        """The agent says something; what is malformed ends the link, not the session."""
        if self._is_ending:
            return
        try:
            self._owner.on_control(message)
        except ProtocolError as error:
            logger.warning("malformed message", extra={"reason": error.message})
            self.on_link_lost(error.message)

    def _hear(self) -> None:
        if self._carrier.is_active:
            self._carrier.heard()
        else:
            self.handle(inputs.Heard())
