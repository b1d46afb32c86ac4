"""Define the values that the files of this room share. Pure."""

from __future__ import annotations

import enum
import errno as errnos
from dataclasses import dataclass, field
from typing import NamedTuple

from port_linker.cause import PLACEMENT
from port_linker.model import format_endpoint

LOOPBACK = {4: "127.0.0.1", 6: "::1"}
DEFAULT_MAX_SERVICES = 2000
MAX_COMMAND_SHOWN = 60  # characters; a line of the table has little room

NO_ROOM = frozenset((errnos.EMFILE, errnos.ENFILE, errnos.ENOBUFS, errnos.ENOMEM))
NO_FAMILY = frozenset((errnos.EADDRNOTAVAIL, errnos.EAFNOSUPPORT))
HELD_BACK = errnos.ECANCELED  # could be bound, but another address of the same service could not


class ServiceState(enum.StrEnum):
    """The state of a service of the target on this machine."""

    READY = "ready"  # bound here; new connections reach it
    WAITING = "waiting"  # no room yet; bound as soon as there is
    CONFLICT = "conflict"  # its port is held here by somebody else
    SKIPPED = "skipped"  # left out by a rule, which the reason names
    DOWN = "down"  # outage, or the grace of a restarting service: new connections wait
    GONE = "gone"  # closed on the target; its local port is free again


class Local(NamedTuple):
    """A local address to bind: family 4 or 6, always loopback, port 1-65535."""

    family: int
    address: str
    port: int

    @property
    def text(self) -> str:
        """ "127.0.0.1:8080" or "[::1]:8080"."""
        return format_endpoint(self.address, self.port)


@dataclass(frozen=True)
class PortHolder:
    """The process that holds a local port.

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
class LocalFacts:
    """What this machine allows.

    ephemeral: first and last port of ip_local_port_range.
    unprivileged_start: ip_unprivileged_port_start; lower ports need privilege.
    is_privileged: whether CAP_NET_BIND_SERVICE is effective.
    families: the IP families that loopback has here, (4, 6) or (4,) or (6,).
    max_services: --max-services. fd_services: how many services the descriptor limit allows
    (two descriptors each, descriptors for flows subtracted).
    """

    ephemeral: tuple[int, int] = (32768, 60999)
    unprivileged_start: int = 1024
    is_privileged: bool = False
    families: tuple[int, ...] = (4, 6)
    max_services: int = DEFAULT_MAX_SERVICES
    fd_services: int = DEFAULT_MAX_SERVICES

    def needs_privilege(self, port: int) -> bool:
        """Return whether the system would refuse a bind for want of privilege."""
        return not self.is_privileged and port < self.unprivileged_start


@dataclass(frozen=True)
class TargetFacts:
    """What the target reports about itself. login_uid None: not known yet, matches no service."""

    login_uid: int | None = None
    ephemeral: tuple[int, int] = (32768, 60999)
    ssh_port: int | None = None


class Outcome(enum.Enum):
    """What a placement decides about a service."""

    BIND = "bind"
    WAITING = "waiting"  # no room
    LOST = "lost"  # another service of the target has the port
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Placement:
    """Where one service is to be bound, or why it is not.

    locals: to be bound; empty unless BIND. reason, code: why the service is not bound as it is
    there (cause.py).
    is_askable: skipped, but a person may be asked about it (a fresh ephemeral port).
    is_remapped: BIND on another port than wanted, chosen by us.
    """

    outcome: Outcome
    locals: tuple[Local, ...] = field(default=())
    reason: str | None = None
    is_askable: bool = False
    is_remapped: bool = False
    code: str = PLACEMENT


def describe_holder(holder: PortHolder | None) -> str:
    """Return "node (pid 71)", "a process of bob", or "another process"."""
    if holder is None:
        return "another process"
    if holder.is_port_linker:
        return f"another port-linker (pid {holder.pid})" if holder.pid else "another port-linker"
    if holder.pid is not None:
        name = (holder.command or "a process")[:MAX_COMMAND_SHOWN]
        return f"{name} (pid {holder.pid})"
    if holder.uid is None:
        return "another process"
    return f"a process of {holder.user or f'uid {holder.uid}'}"


def explain_refusal(holder: PortHolder | None) -> str | None:
    """Return why we must not end the holder of a port, or None if we may."""
    if holder is None or holder.pid is None:
        return "its process is not ours to see"
    if holder.pid == 1 or holder.is_protected:
        return f"pid {holder.pid} is an ancestor of port-linker"
    if holder.is_port_linker:
        return f"pid {holder.pid} is another port-linker"
    if not holder.is_ours:
        return f"pid {holder.pid} belongs to {holder.user or 'another user'}"
    if holder.start_ticks is None:
        return f"the start of pid {holder.pid} is not known"
    return None
