"""What a connection needs to know, and what it says while it opens. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from port_linker import __version__
from port_linker.agent.lease import LEASE_IDLE_S, LEASE_WITH_FLOWS_S
from port_linker.deploy.plan import DeployPlan


@dataclass(frozen=True)
class StepLimits:
    """Seconds that each step may take; past it the attempt ends with one clear error.

    login_s: until the first byte of the target, with nobody there to answer a question.
    unattended_login_s: the same when nobody shall be asked, as after an outage.
    shell_s: from that first byte to the end of stage 0's report.
    upload_s: without one byte of the bundle going on. attach_s: until the agent has the channel.
    asked_login_s: as login_s, with a person at the terminal, who may take their time.
    """

    login_s: float = 60.0
    unattended_login_s: float = 30.0
    shell_s: float = 30.0
    upload_s: float = 30.0
    attach_s: float = 30.0

    def of_login(self, unattended: bool, can_ask: bool) -> float | None:
        """Return the limit of a login. can_ask: whether a person is there."""
        if unattended:
            return self.unattended_login_s
        return self.asked_login_s if can_ask else self.login_s

    asked_login_s: float | None = None


@dataclass(frozen=True)
class ConnectSettings:
    """What open_agent_channel needs besides the target.

    agent_id: names the agent of this session, 8 to 64 of [0-9a-f].
    token: secret that the agent asks for when it is attached again, hex.
    host_id: names this run of the host; flows of another run are reset by the agent.
    resume: whether an agent of that id may still run; if none does, one is started.
    ssh_options: each as after ssh's -o ("ProxyJump=bastion").
    lease_s: how long the agent may live without a host: with flows, with none.
    """

    agent_id: str
    token: str = field(repr=False)
    host_id: str
    resume: bool = False
    ssh_options: tuple[str, ...] = ()
    target_python: str | None = None
    lease_s: tuple[float, float] = (LEASE_WITH_FLOWS_S, LEASE_IDLE_S)
    version: str = __version__
    limits: StepLimits = StepLimits()


class Stage(enum.StrEnum):
    """The steps of opening a channel, in their order."""

    LOGIN = "login"  # ssh, docker or the command up to the first word of a shell
    SHELL = "shell"  # stage 0's report
    PLAN = "plan"  # a Python and a directory were chosen
    UPLOAD = "upload"  # only if the target does not hold this bundle
    ATTACH = "attach"  # the agent was started or found, and has the channel


@dataclass(frozen=True)
class StageBegun:
    """A step begins."""

    stage: Stage


@dataclass(frozen=True)
class StageDone:
    """A step ended well; detail is one phrase that a person reads, took_s its length.

    plan: what was chosen, of PLAN.
    """

    stage: Stage
    took_s: float
    detail: str
    plan: DeployPlan | None = field(default=None, repr=False)


@dataclass(frozen=True)
class StderrLine:
    """A line of the child's stderr, cleaned. login: a person should see it (ssh speaks)."""

    text: str
    login: bool


Progress = StageBegun | StageDone | StderrLine
