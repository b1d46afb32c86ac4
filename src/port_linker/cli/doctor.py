"""`port-linker doctor HOST`: prints what the doctor finds. Imports asyncio."""

from __future__ import annotations

import json
import secrets
import sys

from port_linker import __version__, clock
from port_linker.cli.args import Settings, may_not_ask, parse_udp_ports
from port_linker.cli.connect import look_around
from port_linker.cli.signals import run_main
from port_linker.deploy.settings import StepLimits
from port_linker.doctor.checks import Check, Report, State
from port_linker.doctor.main import examine
from port_linker.doctor.opening import ReachOptions
from port_linker.folders import state_folder
from port_linker.model import clean_text
from port_linker.session.local import log_to_file
from port_linker.session.settings import SessionSettings
from port_linker.ssh.target import Target, parse_target

ASKED_LOGIN_S = 120.0  # a person types a password
LOGIN_S = 20.0  # nobody does
STEP_S = 15.0  # for each step behind it


def run_doctor(settings: Settings) -> int:
    """Look at HOST; return the exit code of the first stage that failed, 0 if none did.

    Raises UsageError for a HOST or option that cannot be meant, PortLinkerError without a log.
    """
    target = parse_target(settings.host, settings.ssh_flags)
    asks_nobody = may_not_ask(settings, look_around(settings))
    return run_main(lambda: _run(settings, target, plan_reach(settings, asks_nobody)))


def plan_reach(settings: Settings, asks_nobody: bool) -> ReachOptions:
    """Return how the target is reached; without a person ssh must not ask either."""
    quiet = ("BatchMode=yes",) if asks_nobody else ()
    return ReachOptions(
        ssh_options=(*settings.ssh_option, *quiet),
        target_python=settings.target_python,
        link=settings.link,
        udp_ports=parse_udp_ports(settings.udp_port),
        limits=StepLimits(
            login_s=LOGIN_S if asks_nobody else ASKED_LOGIN_S,
            shell_s=STEP_S,
            upload_s=STEP_S,
            attach_s=STEP_S,
            asked_login_s=ASKED_LOGIN_S,
        ),
    )


async def _run(settings: Settings, target: Target, options: ReachOptions) -> int:
    began_s = clock.monotonic_s()
    logging = SessionSettings(
        target.display,
        log_file=settings.log_file,
        verbosity=settings.verbose,
        log_to_stderr=settings.verbose > 0,
    )
    with log_to_file(state_folder(), secrets.token_hex(8), logging):
        shown = Report(target.display, target.kind.value)

        def tell(check: Check) -> None:
            if not settings.json and check.state is not State.SKIP:
                _print_lines(shown.lines_of(check))

        report = await examine(target, options, tell, _show_line)
    if settings.json:
        _print_lines([json.dumps(report.to_json(__version__, clock.monotonic_s() - began_s))])
    else:
        _print_lines([*report.skipped_lines(), report.summary()])
    return report.exit_code


def _print_lines(lines: list[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _show_line(text: str) -> None:
    """What ssh says before the login, such as a warning or a banner."""
    sys.stderr.write(clean_text(text, 1000) + "\n")
    sys.stderr.flush()
