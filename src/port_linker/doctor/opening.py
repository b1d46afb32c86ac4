"""The stages up to the agent: what open_agent_channel says becomes checks. I/O."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from port_linker import clock
from port_linker.deploy.channel import AgentChannel
from port_linker.deploy.connect import open_agent_channel
from port_linker.deploy.plan import name_python
from port_linker.deploy.settings import (
    ConnectSettings,
    Progress,
    Stage,
    StageBegun,
    StageDone,
    StepLimits,
)
from port_linker.doctor import checks
from port_linker.doctor.checks import Check, State, fail
from port_linker.doctor.judge import judge_directory
from port_linker.errors import PortLinkerError
from port_linker.session.settings import LINK_AUTO, UDP_PORTS
from port_linker.ssh.target import Target

LEASE_S = 10.0  # if the doctor is killed, its agent ends after it
_STAGES = {
    Stage.LOGIN: checks.LOGIN,
    Stage.SHELL: checks.SHELL,
    Stage.PLAN: checks.PYTHON,
    Stage.UPLOAD: checks.AGENT,
    Stage.ATTACH: checks.AGENT,
}


@dataclass(frozen=True)
class ReachOptions:
    """How the target is reached.

    limits: seconds for each step. allow_self: the target may be this very machine.
    link: auto, stdio (QUIC is not looked at) or quic (without it the target fails). udp_ports: the
    first and the last that QUIC may use on the target.
    """

    ssh_options: tuple[str, ...] = ()
    target_python: str | None = None
    limits: StepLimits = field(default_factory=StepLimits)
    allow_self: bool = False
    link: str = LINK_AUTO
    udp_ports: tuple[int, int] = UDP_PORTS


class Opening:
    """Opens a channel to an agent of its own, and tells each stage as it ends."""

    def __init__(self, tell: Callable[[Check], None], show_line: Callable[[str], None]) -> None:
        self._tell, self._show_line = tell, show_line
        self._stage = Stage.LOGIN
        self._began_s = clock.monotonic_s()
        self._uploaded = ""
        self._agent_s = 0.0

    async def open(self, target: Target, options: ReachOptions) -> AgentChannel | None:
        """Return the channel, or None after the failed stage was told."""
        settings = ConnectSettings(
            agent_id=secrets.token_hex(8),
            token=secrets.token_hex(32),
            host_id=secrets.token_hex(8),
            ssh_options=options.ssh_options,
            target_python=options.target_python,
            lease_s=(LEASE_S, LEASE_S),
            limits=options.limits,
        )
        try:
            return await open_agent_channel(target, settings, self._on_progress)
        except PortLinkerError as error:
            took_s = clock.monotonic_s() - self._began_s
            self._tell(fail(_STAGES[self._stage], error, took_s))
            return None

    def _on_progress(self, progress: Progress) -> None:
        if isinstance(progress, StageBegun):
            self._stage, self._began_s = progress.stage, clock.monotonic_s()
        elif isinstance(progress, StageDone):
            self._on_done(progress)
        elif progress.login:
            self._show_line(progress.text)

    def _on_done(self, done: StageDone) -> None:
        if done.plan is not None:
            self._tell(Check(checks.PYTHON, State.PASS, name_python(done.plan.python)))
            self._tell(judge_directory(next(iter(done.plan.bases), None)))
        elif done.stage is Stage.UPLOAD:
            self._uploaded, self._agent_s = f" ({done.detail} sent)", done.took_s
        elif done.stage is Stage.ATTACH:
            took_s = self._agent_s + done.took_s
            self._tell(Check(checks.AGENT, State.PASS, done.detail + self._uploaded, took_s))
        else:
            self._tell(Check(_STAGES[done.stage], State.PASS, done.detail, done.took_s))
