"""The QUIC link's life in a session: attempt after attempt, beside the stdio link. I/O.

It never holds the stdio link up. When to try again is decided by link/retry.py, which link takes
new flows by steer.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from port_linker import clock
from port_linker.cause import cause_of
from port_linker.errors import PortLinkerError
from port_linker.link import control
from port_linker.link.faults import SidecarFailed
from port_linker.link.find import Tunnel, TunnelMissing
from port_linker.link.interface import LinkKind
from port_linker.link.mux_link import MuxLink
from port_linker.link.quic_link import QuicLink
from port_linker.link.retry import QuicRetry
from port_linker.link.switch import SwitchLink
from port_linker.protocol.gauge import parse_answer
from port_linker.protocol.quic import parse_from_agent
from port_linker.session.executable import load_tunnel
from port_linker.session.introduce import AttemptConfig, QuicAttempt
from port_linker.session.meter import LinkMeter
from port_linker.session.reporter import Reporter
from port_linker.session.routes import find_source
from port_linker.session.settings import SessionSettings
from port_linker.session.steer import LinkSteer, QuicOwner
from port_linker.ssh.direct import find_direct_addresses
from port_linker.ssh.target import Target
from port_linker.tasks import start_task, stop_task

logger = logging.getLogger(__name__)


class QuicSession:
    """Brings QUIC up, keeps it up, and moves new flows to the better link."""

    def __init__(
        self,
        stdio: MuxLink,
        target: Target,
        settings: SessionSettings,
        reporter: Reporter,
        owner: QuicOwner,
    ) -> None:
        self._stdio, self._target, self._settings = stdio, target, settings
        self._owner = owner
        self._link = QuicLink()
        self.switch = SwitchLink(stdio, self._link)
        self._steer = LinkSteer(self.switch, reporter, owner.on_choice)
        self._meter = LinkMeter(stdio, self._link, reporter)
        self._retry = QuicRetry()
        self._attempt: QuicAttempt | None = None
        self._number = 0
        self._is_connected = self._was_connected = False
        self._is_stdio_up = False
        self._is_hopeless = self._is_ending = False  # with this agent; by our own will
        self._go = asyncio.Event()  # an attempt may be made
        self._hurry = asyncio.Event()  # and at once
        self._source = ""
        self._runner: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, unless the settings or this machine say that there is no QUIC."""
        if self._settings.link == LinkKind.STDIO:
            return
        self._runner = start_task(self._find_and_run(), "quic")

    async def _find_and_run(self) -> None:
        try:
            tunnel = await load_tunnel(self._settings.tunnel_builder, self._steer.absent)
        except TunnelMissing as error:
            logger.info("no QUIC: %s", error.message)
            if self._settings.link == LinkKind.QUIC:
                self._owner.on_quic_refused(error)
        else:
            await self._run(tunnel)

    @property
    def is_carrying(self) -> bool:
        """Whether new flows go over QUIC."""
        return self._steer.is_on_quic

    # What the session tells

    def stdio_up(self, resumes: bool) -> None:
        """The stdio link is attached. resumes: to the agent that we knew."""
        self._is_stdio_up = True
        if not resumes:
            self._is_hopeless = False
            self._retry.reset()
            self._end_attempt("the agent is a new one")
        self._hurry.set()  # ssh passes, so UDP may
        if not self._is_hopeless:
            self._go.set()
        self._set_path()
        self._steer.set_stdio(True)

    def stdio_down(self) -> None:
        """The stdio link is gone; QUIC goes on if it can, but is not made anew."""
        self._is_stdio_up = False
        self._go.clear()
        self._set_path()
        self._steer.set_stdio(False)

    def on_control(self, message: dict[str, Any]) -> None:
        """Take a control message of the agent. Raises ProtocolError if it is malformed."""
        said = parse_from_agent(message) or parse_answer(message)
        if said is not None and self._attempt is not None:
            self._attempt.take_message(said)

    def woke(self) -> None:
        """This machine slept: the NAT has forgotten us."""
        self._retry.reset()
        self._hurry.set()
        self._rebind()

    def route_changed(self) -> None:
        """This machine's network changed; that may have nothing to do with us."""
        self._retry.reset()
        self._hurry.set()
        if self._attempt is not None and self._is_connected:
            source, self._source = self._source, find_source(self._attempt.address)
            if source != self._source or not self.is_carrying:
                self._rebind()

    def tick(self) -> None:
        """Look whether another link is due."""
        self._steer.look()
        self.switch.settle()
        self._meter.tick()

    def ending(self) -> None:
        """The session says goodbye: the end of the target's sidecar is no fault any more."""
        self._is_ending = True

    async def close(self) -> None:
        """End all of it; flows over QUIC are reset."""
        if self._runner is not None:
            await stop_task(self._runner)
        await self.switch.close()

    # Attempts

    async def _run(self, tunnel: Tunnel) -> None:
        while True:
            await self._go.wait()
            self._hurry.clear()
            began_s = clock.monotonic_s()
            error = await self._live(tunnel)
            if self._settings.link == LinkKind.QUIC and not self._was_connected:
                self._owner.on_quic_refused(error)
                return
            if self._is_hopeless:
                self._go.clear()
                continue
            fault = error.fault if isinstance(error, SidecarFailed) else "closed"
            pause_s = self._retry.next_delay_s(fault, clock.monotonic_s() - began_s)
            logger.debug("QUIC again", extra={"in_s": pause_s, "fault": fault})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), pause_s)

    async def _live(self, tunnel: Tunnel) -> PortLinkerError:
        """Make one attempt, live with what comes of it, and return why it ended."""
        self._number += 1
        self._steer.trying()
        finding = find_direct_addresses(
            self._target, self._settings.ssh_options, self._settings.udp_addresses
        )
        addresses = start_task(finding, "ssh addresses")
        config = AttemptConfig(self._number, self._settings.lease_s, *self._settings.udp_ports)
        try:
            self._attempt = QuicAttempt(tunnel, self._stdio, config, self._steer.take)
            try:
                end = await self._use(self._attempt, addresses)
                self._is_hopeless = self._attempt.is_final
            finally:
                await self._drop(self._attempt)
        except PortLinkerError as error:
            self._steer.ended(cause_of(error))
            end = error
        finally:
            await stop_task(addresses)
        return end

    async def _use(
        self, attempt: QuicAttempt, addresses: asyncio.Task[tuple[str, ...]]
    ) -> PortLinkerError:
        try:
            await attempt.connect(addresses)
        except PortLinkerError as error:
            logger.info("QUIC did not come up", extra={"reason": error.message})
            self._steer.ended(cause_of(error))
            return error
        logger.info("QUIC is up", extra={"address": attempt.address})
        self._is_connected = self._was_connected = True
        self._source = find_source(attempt.address)
        self._link.attach(attempt.sidecar)
        await attempt.set_path(self._is_stdio_up)
        self._steer.connected(attempt.address, attempt.tell_life)
        self._meter.connected()
        end = await attempt.watch(self._meter.take)
        attempt.sidecar.close()  # first, so that it takes no connection that is lost already
        if not self._is_ending:
            logger.warning("QUIC ended", extra={"reason": end.message})
            self._steer.ended(cause_of(end))
        return end

    async def _drop(self, attempt: QuicAttempt) -> None:
        self._attempt = None
        self._is_connected = False
        await self._link.detach()
        await attempt.close()

    def _end_attempt(self, reason: str) -> None:
        if self._attempt is not None and not self._attempt.ended.done():
            self._attempt.ended.set_result(SidecarFailed("agent", reason))

    def _set_path(self) -> None:
        if self._attempt is not None and self._is_connected:
            start_task(self._attempt.set_path(self._is_stdio_up), "quic path")

    def _rebind(self) -> None:
        if self._attempt is not None and self._is_connected:
            start_task(self._attempt.sidecar.send(control.Rebind()), "quic rebind")
