"""`port-linker connect HOST`: one session with the front end that fits the streams."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Protocol, TextIO

from port_linker.cli.args import (
    FRONT_JSON,
    FRONT_LIVE,
    Settings,
    Surroundings,
    choose_front,
    may_not_ask,
    plan_session,
)
from port_linker.ports.rules import parse_maps, parse_rules
from port_linker.session.frontend import FrontEnd
from port_linker.session.settings import SessionSettings
from port_linker.ui.colour import is_colour_wanted
from port_linker.ui.terminal import is_in_front

if TYPE_CHECKING:
    from port_linker.ui.plain import PlainConfig


class ClosableFrontEnd(FrontEnd, Protocol):
    """A front end that has last lines to write."""

    def close(self) -> None:
        """Write what waits."""


def look_around(settings: Settings) -> Surroundings:
    """Return what the streams and the environment allow."""
    environ = os.environ
    stdout_is_terminal = _is_terminal(sys.stdout)
    return Surroundings(
        stdin_is_terminal=_is_terminal(sys.stdin) and is_in_front(sys.stdin.fileno()),
        stdout_is_terminal=stdout_is_terminal,
        stderr_is_terminal=_is_terminal(sys.stderr),
        term=environ.get("TERM", ""),
        ci=environ.get("CI", "").lower() in ("true", "1"),
        stdout_coloured=is_colour_wanted(stdout_is_terminal, environ, settings.no_color),
        utf8=(getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8",
    )


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def run_connect(settings: Settings) -> int:
    """Run one session until it ends; return the exit code. Raises PortLinkerError."""
    around = look_around(settings)
    planned = plan_session(settings, around)
    _check_rules(planned)
    from port_linker.cli.signals import run_main

    return run_main(lambda: _run_session(settings, around, planned))


def _check_rules(planned: SessionSettings) -> None:
    """Raise UsageError for a rule that cannot be read; say in words what --map means."""
    for option in ("only", "skip", "allow"):
        parse_rules(getattr(planned, option), f"--{option}")
    for item in parse_maps(planned.map):
        sys.stderr.write(f"remote {item.remote} -> localhost:{item.local} ({item.proto})\n")


async def _run_session(settings: Settings, around: Surroundings, planned: SessionSettings) -> int:
    from port_linker.session.start import run_session

    front = open_front(settings, around)
    try:
        return await run_session(planned, front)
    finally:
        front.close()


def open_front(settings: Settings, around: Surroundings) -> ClosableFrontEnd:
    """Return the front end; call it on the loop's thread."""
    chosen = choose_front(settings, around)
    if chosen == FRONT_JSON:
        from port_linker.ui.json_lines import JsonLines

        return JsonLines(sys.stdout, settings.host)
    if chosen == FRONT_LIVE:
        from port_linker.ui.live import LiveScreen

        return LiveScreen(settings.host, _plain_config(settings, around), settings.no_color)
    from port_linker.ui.plain import PlainLines

    return PlainLines(sys.stdout, sys.stderr, _plain_config(settings, around))


def _plain_config(settings: Settings, around: Surroundings) -> PlainConfig:
    from port_linker.ui.plain import PlainConfig

    return PlainConfig(
        coloured=around.stdout_coloured,
        ascii_only=not around.utf8,
        verbosity=settings.verbose,
        answers=None if may_not_ask(settings, around) else sys.stdin.fileno(),
        is_policy_set=settings.on_conflict not in (None, "ask"),
        is_quic_demanded=settings.link == "quic",
        is_only=bool(settings.only),
    )
