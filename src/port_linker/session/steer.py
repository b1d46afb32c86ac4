"""Moves new flows to the better link and tells people. I/O: reads the clock, moves bindings.

What is decided is decided by link/choose.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from port_linker import clock
from port_linker.cause import Cause, explain
from port_linker.errors import PortLinkerError
from port_linker.link import reports
from port_linker.link.choose import Choice, LinkChooser
from port_linker.link.figures import OVER_SSH
from port_linker.link.interface import LinkKind
from port_linker.link.switch import SwitchLink
from port_linker.protocol.quic import QuicLife
from port_linker.session.events import LinkState
from port_linker.session.reporter import Reporter

logger = logging.getLogger(__name__)

QUIC = LinkKind.QUIC.value


class QuicOwner(Protocol):
    """What the session wants to hear."""

    def on_choice(self, choice: Choice) -> None:
        """Another link is chosen; flows have been moved."""

    def on_quic_refused(self, error: PortLinkerError) -> None:
        """The user wants QUIC or nothing, and it did not come about."""


class LinkSteer:
    """Knows how QUIC does, and acts on it."""

    def __init__(
        self, switch: SwitchLink, reporter: Reporter, on_choice: Callable[[Choice], None]
    ) -> None:
        """on_choice: hears when another link is chosen, after flows have been moved."""
        self._switch, self._reporter, self._on_choice = switch, reporter, on_choice
        self._chooser = LinkChooser()
        self._choice = Choice(LinkKind.STDIO)
        self._reported: tuple[LinkState, Cause | None] | None = None
        self._is_stdio_up = False
        self._ups = 0  # how often ssh has come up
        self._path: str | None = None
        self._is_quiet = False  # our packets lack acknowledgements
        self._tell_peer: Callable[[bool, int], None] | None = None

    @property
    def is_on_quic(self) -> bool:
        """Whether new flows go over QUIC."""
        return self._choice.kind is LinkKind.QUIC

    def set_stdio(self, is_up: bool) -> None:
        """The stdio link came or went."""
        self._is_stdio_up = is_up
        self._switch.tell_bound()
        self._ups += is_up
        self._tell_life()
        self.look()

    def trying(self) -> None:
        """An attempt begins. Only the first is told; its followers end the same way or succeed."""
        if self._reported is None:
            self._report(LinkState.TRYING)

    def connected(self, address: str, tell_peer: Callable[[bool, int], None]) -> None:
        """QUIC is up, by way of this address of the target.

        tell_peer: tells the agent over ssh whether our packets lack acknowledgements.
        """
        self._path, self._tell_peer, self._is_quiet = address, tell_peer, False
        self._tell_life()
        self._chooser.connected(clock.monotonic_s())
        self.look()

    def ended(self, cause: Cause) -> None:
        """QUIC did not come up, or is no more."""
        self._path = self._tell_peer = None
        self._chooser.ended(cause)
        self.look()

    def take(self, event: reports.Event | QuicLife) -> None:
        """Take what the sidecar tells of the connection, or the agent of its half."""
        now = clock.monotonic_s()
        logger.debug("sidecar event", extra={"event": repr(event)})
        if isinstance(event, reports.Quiet | reports.Heard):
            self._is_quiet = isinstance(event, reports.Quiet)
            self._chooser.note(self._is_quiet, now)
            self._tell_life()
        elif isinstance(event, QuicLife):
            if not self._is_stdio_up or event.link != self._ups:
                return  # said before an outage: old news
            self._chooser.note(event.is_quiet, now, is_peers=True)
        elif isinstance(event, reports.PathChanged):
            is_relayed = event.via == reports.VIA_RELAY
            self._path = OVER_SSH if is_relayed else event.address
            self._chooser.path_changed(is_relayed, now, is_stdio_up=self._is_stdio_up)
        elif isinstance(event, reports.Failed):
            logger.warning("the sidecar failed", extra={"fault": event.code, "cmd": event.cmd})
        self.look()

    def look(self) -> None:
        """Act on another choice; it may come with time alone."""
        choice = self._chooser.choose(clock.monotonic_s(), is_stdio_up=self._is_stdio_up)
        if choice == self._choice:
            return
        was, self._choice = self._choice, choice
        self._switch.use(choice.kind)
        if choice.kind is LinkKind.QUIC:
            self._report(LinkState.UP)
        elif self._reported is not None:
            self._report(LinkState.DOWN, choice.cause)
        if was.kind is not choice.kind:
            known = {"kind": choice.kind, "reason": explain(choice.cause)}
            logger.info("new flows take another link", extra=known)
            self._on_choice(choice)

    def absent(self, cause: Cause) -> None:
        """There will be no QUIC in this session."""
        self._report(LinkState.DOWN, cause)
        self._chooser.ended(cause)
        self.look()

    def _tell_life(self) -> None:
        """Tell the agent over ssh, while that is up: later it would be old news."""
        if self._tell_peer is not None and self._is_stdio_up:
            self._tell_peer(self._is_quiet, self._ups)

    def _report(self, state: LinkState, cause: Cause | None = None) -> None:
        """Tell a change; attempt after attempt that ends the same way is none."""
        if self._reported != (state, cause):
            self._reported = (state, cause)
            self._reporter.link(QUIC, state, cause, self._path)
