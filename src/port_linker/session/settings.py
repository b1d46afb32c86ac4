"""What one session was asked to do. Pure: the command line becomes this, the runner reads it."""

from __future__ import annotations

from dataclasses import dataclass

MAX_SERVICES = 2000  # bound at most, whatever the target offers; design of the binding room
LEASE_S = 12 * 3600  # the agent's life without a host while flows exist
IDLE_LEASE_S = 120  # and with none
LINK_AUTO = "auto"
UDP_PORTS = (60_000, 61_000)  # open already where mosh is used


@dataclass(frozen=True)
class SessionSettings:
    """The options of `connect`, checked for their form.

    target: HOST as it was typed. on_conflict: ask, kill, remap or skip; never ask when nobody can
    answer. only, skip, allow, map: words of binding.rules, already seen to parse.
    lease_s: the agent's life without a host while flows exist.
    link: auto, stdio or quic. udp_ports: the first and the last that QUIC may use on the target.
    ssh_options: each one passed to ssh as `-o OPTION`. log_file: None for the default place.
    verbosity: number of -v. log_to_stderr: whether the log is shown on stderr too; False under
    the table, which shows it itself. interactive: whether a person can be asked.
    """

    target: str
    on_conflict: str = "skip"
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    map: tuple[str, ...] = ()
    all_users: bool = False
    own_user_only: bool = False
    max_services: int = MAX_SERVICES
    target_python: str | None = None
    lease_s: int = LEASE_S
    link: str = LINK_AUTO
    udp_ports: tuple[int, int] = UDP_PORTS
    ssh_options: tuple[str, ...] = ()
    log_file: str | None = None
    verbosity: int = 0
    log_to_stderr: bool = False
    interactive: bool = False
    allow_self: bool = False  # `demo` without a network namespace mirrors this very machine
