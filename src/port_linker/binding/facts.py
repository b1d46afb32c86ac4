"""The words of this room: local addresses, holders, options, facts, verdicts. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NamedTuple

from port_linker.binding.rules import PortMap, Rule
from port_linker.model import format_endpoint

LOOPBACK = {4: "127.0.0.1", 6: "::1"}
DEFAULT_MAX_SERVICES = 2000


class Local(NamedTuple):
    """A local address to bind: family 4 or 6, always loopback, port 1-65535."""

    family: int
    address: str
    port: int

    @property
    def text(self) -> str:
        """ "127.0.0.1:8080" or "[::1]:8080"."""
        return format_endpoint(self.address, self.port)


class OnConflict(enum.StrEnum):
    """What happens when a port is held on this machine."""

    ASK = "ask"
    KILL = "kill"
    REMAP = "remap"
    SKIP = "skip"


@dataclass(frozen=True)
class Holder:
    """Who holds a local port.

    pid, command: None where the process may not be inspected (another user's).
    uid: owner of the socket, None if unknown. user: its name, if known.
    start_ticks: start of the process in clock ticks since boot; with the pid it names a process.
    is_ours: the user may end it, by uid. is_protected: pid 1 or one of our ancestors.
    is_port_linker: another port-linker (or this one). is_self: this one, or a child of it.
    """

    pid: int | None = None
    command: str | None = None
    uid: int | None = None
    user: str | None = None
    start_ticks: int | None = None
    is_ours: bool = False
    is_protected: bool = False
    is_port_linker: bool = False
    is_self: bool = False


@dataclass(frozen=True)
class BindOptions:
    """What the command line says about binding.

    is_interactive: whether a person can be asked. hold: ports stay bound until the session ends.
    outage_hold_s: how long a new connection waits for the link.
    """

    only: tuple[Rule, ...] = ()
    skip: tuple[Rule, ...] = ()
    allow: tuple[Rule, ...] = ()
    maps: tuple[PortMap, ...] = ()
    all_users: bool = False
    on_conflict: OnConflict = OnConflict.ASK
    is_interactive: bool = False
    hold: bool = False
    outage_hold_s: float = 10.0


@dataclass(frozen=True)
class LocalFacts:
    """What this machine allows.

    ephemeral: first and last port of ip_local_port_range.
    unprivileged_start: ip_unprivileged_port_start; lower ports need privilege.
    is_privileged: whether CAP_NET_BIND_SERVICE is effective.
    families: the IP families that loopback has here, (4, 6) or (4,) or (6,).
    max_services: --max-services. fd_services: how many services the descriptor limit allows
    (two descriptors each, room for flows taken off).
    """

    ephemeral: tuple[int, int] = (32768, 60999)
    unprivileged_start: int = 1024
    is_privileged: bool = False
    families: tuple[int, ...] = (4, 6)
    max_services: int = DEFAULT_MAX_SERVICES
    fd_services: int = DEFAULT_MAX_SERVICES

    def needs_privilege(self, port: int) -> bool:
        """Whether a bind here would be refused for want of privilege."""
        return not self.is_privileged and port < self.unprivileged_start


@dataclass(frozen=True)
class TargetFacts:
    """What the target says about itself. login_uid None: not known yet, nobody's services match."""

    login_uid: int | None = None
    ephemeral: tuple[int, int] = (32768, 60999)
    ssh_port: int | None = None


class Outcome(enum.Enum):
    """What the plan says about one service."""

    BIND = "bind"
    WAITING = "waiting"  # no room
    LOST = "lost"  # another service of the target has the port
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Verdict:
    """The plan for one service.

    locals: to be bound; empty unless BIND. reason: why it is not plainly ready.
    is_askable: skipped, but a person may be asked about it (a fresh ephemeral port).
    is_remapped: BIND on another port than wanted, chosen by us.
    """

    outcome: Outcome
    locals: tuple[Local, ...] = field(default=())
    reason: str | None = None
    is_askable: bool = False
    is_remapped: bool = False
