"""What the session must know of this machine before it binds. I/O."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from port_linker.agent.facts import read_facts
from port_linker.errors import PortLinkerError, TargetError, UsageError
from port_linker.link.interface import Link
from port_linker.observe.logfiles import open_session_log, stderr_handler
from port_linker.observe.logs import attach_handler, detach_handler
from port_linker.ports.machine import PortMachine
from port_linker.ports.os.peer import check_own_user
from port_linker.ports.os.remaps import read_remaps, write_remaps
from port_linker.ports.os.sockets import read_local_facts
from port_linker.ports.policy import OnConflict, Policy
from port_linker.ports.rules import parse_maps, parse_rules
from port_linker.protocol.messages import Facts
from port_linker.session.binder import Asker, Binder
from port_linker.session.events import SessionEvent
from port_linker.session.settings import SessionSettings
from port_linker.session.shelf import Shelf, shelf_limit
from port_linker.ssh.target import Target


def make_binder(
    settings: SessionSettings,
    target: Target,
    link: Link,
    emit: Callable[[SessionEvent], None],
    asker: Asker,
) -> Binder:
    """Return what binds here for these settings. Raises UsageError for a rule that is none."""
    policy = Policy(
        only=parse_rules(settings.only, "--only"),
        skip=parse_rules(settings.skip, "--skip"),
        allow=parse_rules(settings.allow, "--allow"),
        maps=parse_maps(settings.map),
        all_users=settings.all_users,
        on_conflict=OnConflict(settings.on_conflict),
        is_interactive=settings.interactive,
        hold=settings.hold,
        outage_hold_s=float(settings.outage_wait_s),
    )
    facts = read_local_facts(settings.max_services)
    machine = PortMachine(policy, facts, read_remaps(target.key))

    def save(remaps: Mapping[str, int]) -> None:
        write_remaps(target.key, remaps, names=tuple(dict.fromkeys((target.typed, target.display))))

    check = check_own_user if settings.own_user_only else None
    shelf = Shelf(shelf_limit(settings.max_services)) if settings.hold else None
    return Binder(machine, link, target.display, emit, asker, save, check, shelf)


def is_this_machine(facts: Facts) -> bool:
    """Whether the facts are those of this very machine."""
    here = read_facts("")
    return facts.boot_id == here.boot_id != "" and facts.netns == here.netns != ""


def check_not_self(settings: SessionSettings, target: str, facts: Facts) -> PortLinkerError | None:
    """Return the error if the target is this very machine: its ports are here already."""
    if settings.allow_self or not is_this_machine(facts):
        return None
    return TargetError(
        f"{target} is this machine: its services are on this localhost already",
        hint="name another machine, or try `port-linker demo`",
        code="PL-TARGET-SELF",
    )


@contextlib.contextmanager
def log_to_file(folder: str, session: str, settings: SessionSettings) -> Iterator[None]:
    """Write the log of both sides to the session's file, and to stderr as asked with -v.

    Raises PortLinkerError if the file cannot be written.
    """
    try:
        handlers = [open_session_log(folder, session, settings.log_file)]
    except OSError as error:
        kind = UsageError if settings.log_file else PortLinkerError
        raise kind(
            f"the log {settings.log_file or folder} cannot be written: {error.strerror}",
            hint="name another file with --log-file",
            code="PL-LOG-FILE",
        ) from error
    if settings.log_to_stderr and settings.verbosity:
        handlers.append(stderr_handler(settings.verbosity))
    for handler in handlers:
        attach_handler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            detach_handler(handler)
