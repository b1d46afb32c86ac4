"""The command line as one frozen dataclass, and what follows from it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from port_linker.errors import UsageError
from port_linker.session.settings import (
    LEASE_S,
    LINK_AUTO,
    MAX_SERVICES,
    OUTAGE_WAIT_S,
    UDP_PORTS,
    SessionSettings,
)

MIN_LEASE_S = 10  # longer than a dead link takes to be noticed
MAX_OUTAGE_WAIT_S = 3600  # no client waits longer
MAX_LEASE_S = 7 * 24 * 3600  # an agent of last week serves nobody


@dataclass(frozen=True)
class Settings:
    """What was asked for: a verb, its word, and every option (see options.OPTIONS).

    word: HOST, SHELL, WHAT or VERB; None where none was given. of: the HOST behind WHAT.
    """

    verb: str
    word: str | None = None
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    all_users: bool = False
    max_services: int = MAX_SERVICES
    map: tuple[str, ...] = ()
    on_conflict: str | None = None
    own_user_only: bool = False
    hold: bool = False
    ssh_option: tuple[str, ...] = ()
    ssh_port: str | None = None
    ssh_user: str | None = None
    ssh_jump: str | None = None
    ssh_identity: tuple[str, ...] = ()
    ssh_config: str | None = None
    target_python: str | None = None
    lease: int = LEASE_S
    outage_wait: int = OUTAGE_WAIT_S
    link: str = LINK_AUTO
    udp_port: str | None = None
    json: bool = False
    plain: bool = False
    no_input: bool = False
    no_color: bool = False
    verbose: int = 0
    log_file: str | None = None
    once: bool = False
    forget: bool = False
    of: str | None = None

    @property
    def host(self) -> str:
        """HOST as it was typed. Raises UsageError if there is none."""
        if not self.word:
            raise UsageError(
                f"{self.verb} needs a HOST",
                f"port-linker {self.verb} HOST, where HOST is what you would give to ssh",
            )
        return self.word

    @property
    def ssh_flags(self) -> tuple[str, ...]:
        """The options that ssh has too, as ssh reads them, one word each."""
        flags = (
            ("-F", self.ssh_config),
            ("-p", self.ssh_port),
            ("-l", self.ssh_user),
            ("-J", self.ssh_jump),
            *(("-i", name) for name in self.ssh_identity),
        )
        return tuple(flag + value for flag, value in flags if value is not None)


@dataclass(frozen=True)
class Surroundings:
    """What is around the command: which streams are terminals, and a few words of the environment.

    colours: per stream, whether it may carry colour. utf8: whether stdout can carry any character.
    """

    stdin_is_terminal: bool = False
    stdout_is_terminal: bool = False
    stderr_is_terminal: bool = False
    term: str = ""
    ci: bool = False
    stdout_coloured: bool = False
    utf8: bool = True


FRONT_JSON = "json"
FRONT_PLAIN = "plain"
FRONT_LIVE = "live"


def choose_front(settings: Settings, around: Surroundings) -> str:
    """Return which front end shows the session.

    The table needs a terminal on all three streams (it draws on stderr and reads keys from
    stdin), and one that can move its cursor.
    """
    if settings.json:
        return FRONT_JSON
    terminals = around.stdin_is_terminal and around.stdout_is_terminal and around.stderr_is_terminal
    able = terminals and around.term not in ("", "dumb") and not may_not_ask(settings, around)
    return FRONT_LIVE if able and not settings.plain else FRONT_PLAIN


def may_not_ask(settings: Settings, around: Surroundings) -> bool:
    """Return whether nobody may be asked."""
    terminals = around.stdin_is_terminal and around.stderr_is_terminal
    return settings.no_input or around.ci or not terminals


def check_settings(settings: Settings) -> None:
    """Raise UsageError if the options contradict each other or cannot be meant."""
    if settings.json and settings.plain:
        raise UsageError("--json and --plain exclude each other", "leave one of them out")
    if settings.max_services < 1:
        raise UsageError("--max-services is at least 1", "leave it out for the usual limit")
    if not 0 <= settings.outage_wait <= MAX_OUTAGE_WAIT_S:
        raise UsageError(
            f"--outage-wait is 0 to {MAX_OUTAGE_WAIT_S} seconds",
            f"leave it out for {OUTAGE_WAIT_S} s",
        )
    if not MIN_LEASE_S <= settings.lease <= MAX_LEASE_S:
        raise UsageError(
            f"--lease is {MIN_LEASE_S} to {MAX_LEASE_S} seconds",
            f"leave it out for {LEASE_S // 3600} hours",
        )


def plan_session(settings: Settings, around: Surroundings) -> SessionSettings:
    """Return what the session is asked to do. Raises UsageError as check_settings and host do."""
    check_settings(settings)
    front = choose_front(settings, around)
    interactive = front != FRONT_JSON and not may_not_ask(settings, around)
    policy = settings.on_conflict or "ask"
    return SessionSettings(
        target=settings.host,
        on_conflict="skip" if policy == "ask" and not interactive else policy,
        only=settings.only,
        skip=settings.skip,
        allow=settings.allow,
        map=settings.map,
        all_users=settings.all_users,
        own_user_only=settings.own_user_only,
        hold=settings.hold,
        max_services=settings.max_services,
        target_python=settings.target_python,
        lease_s=settings.lease,
        outage_wait_s=settings.outage_wait,
        link=settings.link,
        udp_ports=parse_udp_ports(settings.udp_port),
        ssh_options=settings.ssh_option,
        ssh_flags=settings.ssh_flags,
        log_file=settings.log_file,
        verbosity=settings.verbose,
        log_to_stderr=settings.verbose > 0 and front != FRONT_LIVE,
        interactive=interactive,
    )


def parse_udp_ports(text: str | None) -> tuple[int, int]:
    """Return the first and the last port of "60001" or "60000-60010". Raises UsageError."""
    if text is None:
        return UDP_PORTS
    first, dash, last = text.partition("-")
    ports = (first, last if dash else first)
    if not all(port.isdecimal() and 0 < int(port) <= 0xFFFF for port in ports):
        raise UsageError("--udp-port takes a port or a range", "for example 60001, or 60000-60010")
    low, high = (int(port) for port in ports)
    if low > high:
        raise UsageError("--udp-port takes the lower port first", f"write {high}-{low}")
    return low, high
