"""Remembers the session's agent for the next run, as far as the disk allows. I/O."""

from __future__ import annotations

import logging

from port_linker import __version__
from port_linker.agent.lease import LEASE_IDLE_S
from port_linker.deploy.settings import ConnectSettings
from port_linker.errors import PortLinkerError
from port_linker.link.door import Pass
from port_linker.protocol.messages import Facts
from port_linker.session.reporter import Reporter
from port_linker.session.settings import SessionSettings
from port_linker.session.state_file import StateFile

logger = logging.getLogger(__name__)


class AgentKeeper:
    """Knows the agent's name and token, and how to ask for it."""

    def __init__(
        self, state: StateFile, settings: SessionSettings, session: str, reporter: Reporter
    ) -> None:
        self._state, self._settings = state, settings
        self._session, self._reporter = session, reporter
        self._agent = state.agent()

    def save(self) -> None:
        """Write the agent down, so that after a crash the next run finds it."""
        try:
            self._state.save(self._agent)
        except OSError as error:  # a full disk: all works, but for the next run after a crash
            text = f"after a crash the agent would not be found again: {error.strerror}"
            self._reporter.log("warning", "host", text)

    def forget(self) -> None:
        """The agent has ended."""
        try:
            self._state.forget()
        except OSError as error:
            logger.warning("the state file was not emptied", extra={"reason": error.strerror})

    def claim(self, facts: Facts) -> PortLinkerError | None:
        """Return the error if another session mirrors this machine under another name."""
        if self._settings.allow_self:
            return None
        return self._state.claim(f"{facts.boot_id} {facts.netns} {facts.uid}")

    def make_pass(self, sync: bytes) -> Pass:
        """Return what this session shows at its agent's door."""
        return Pass(self._agent.token, self._session, __version__, sync)

    def plan_connect(self, resume: bool) -> ConnectSettings:
        """Return how this session asks for its agent. resume: one of ours runs there already."""
        lease_s = float(self._settings.lease_s)
        return ConnectSettings(
            agent_id=self._agent.agent_id,
            token=self._agent.token,
            host_id=self._session,
            resume=resume or self._agent.is_old,
            ssh_options=self._settings.ssh_options,
            target_python=self._settings.target_python,
            lease_s=(lease_s, min(lease_s, LEASE_IDLE_S)),
        )
