"""What one session was asked to do. Pure: the command line becomes this, the runner reads it."""

from __future__ import annotations

from dataclasses import dataclass

from port_linker.agent.lease import LEASE_WITH_FLOWS_S

MAX_SERVICES = 2000  # bound at most, whatever the target offers; design of the room `ports`
LEASE_S = int(LEASE_WITH_FLOWS_S)
OUTAGE_WAIT_S = 10  # of a new connection before its reset: longer than most reconnects take
LINK_AUTO = "auto"
UDP_PORTS = (60_000, 61_000)  # open already where mosh is used


@dataclass(frozen=True)
class SessionSettings:
    """The options of `connect`, checked for their form.

    target: HOST as it was typed. on_conflict: ask, kill, remap or skip; never ask when nobody can
    answer. only, skip, allow, map: words of ports.rules, already seen to parse.
    hold: every port stays bound until the session ends.
    lease_s: the agent's life without a host while flows exist. outage_wait_s: of a new connection.
    link: auto, stdio or quic. udp_ports: the first and the last that QUIC may use on the target.
    udp_addresses: where UDP reaches a target that is not reached by ssh (`demo`). tunnel_builder:
    the pid of who builds the sidecar's executable; QUIC begins when it is there. 0 for nobody.
    ssh_options: each one passed to ssh as `-o OPTION`. ssh_flags: ssh's own ("-p2222").
    log_file: None for the default place.
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
    hold: bool = False
    max_services: int = MAX_SERVICES
    target_python: str | None = None
    lease_s: int = LEASE_S
    outage_wait_s: int = OUTAGE_WAIT_S
    link: str = LINK_AUTO
    udp_ports: tuple[int, int] = UDP_PORTS
    ssh_options: tuple[str, ...] = ()
    ssh_flags: tuple[str, ...] = ()
    log_file: str | None = None
    verbosity: int = 0
    log_to_stderr: bool = False
    interactive: bool = False
    allow_self: bool = False  # `demo` without a network namespace mirrors this very machine
    udp_addresses: tuple[str, ...] = ()
    tunnel_builder: int = 0
