"""The entry of the program: `main()`. Everything heavy is imported where it is used.

Measured 2026-11-21, 2 cores: `--version` imports nothing but this file and the package's own
docstring file; the parser costs 80 ms, asyncio 25 ms, Textual 130 ms more.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing itself costs 6 ms
if TYPE_CHECKING:
    from collections.abc import Callable

    from port_linker.cli.args import Settings
    from port_linker.cli.fast import Scan


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit code (docs/operations.md lists them)."""
    words = sys.argv[1:] if argv is None else argv
    if words in (["--version"], ["version"]):
        return _print_version()
    return _run_guarded(words)


def _run_guarded(words: list[str]) -> int:
    from port_linker.cli import fast
    from port_linker.cli.report import report_bug, report_error
    from port_linker.errors import EXIT_INTERRUPTED, EXIT_OK, PortLinkerError

    as_json = "--json" in words
    target: str | None = None
    try:
        if not words:
            return _print_lines(fast.WELCOME)
        scan = fast.scan_words(words)
        target = scan.host
        return _run_verb(scan)
    except PortLinkerError as error:
        return report_error(error, target, as_json)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _silence_stdout()
        return EXIT_OK
    except Exception as error:  # noqa: BLE001 - the last resort: one line, the rest in the log
        return report_bug(error, target, as_json)
    finally:
        _abandon_login()


def _run_verb(scan: Scan) -> int:
    if scan.wants_help or scan.verb == "help":
        return _print_help(scan)
    if scan.wants_version:
        return _print_version()
    settings = _read(scan)
    if settings.verb in _DOING:
        from port_linker.cli.usage import check_usage

        check_usage(settings)
        if settings.verb == "connect":
            _check_free(settings)
        _announce(settings.host, _DOING[settings.verb])
        _begin_login(settings)
    elif settings.verb == "demo":
        _announce("a target of its own", "starting")
    return _RUNS[settings.verb](settings)


def _check_free(settings: Settings) -> None:
    """Raise AlreadyRunning before anything is told or begun (1 ms)."""
    from port_linker.session.lock import check_free, target_folder
    from port_linker.ssh.target import parse_target

    target = parse_target(settings.host, settings.ssh_flags)
    check_free(target_folder(), target.key, target.display)


def _begin_login(settings: Settings) -> None:
    """Start ssh before asyncio and the session are imported."""
    from port_linker.ssh import spawn

    spawn.begin(settings.host, settings.ssh_option, settings.ssh_flags)


def _abandon_login() -> None:
    """End a login that nobody went on with."""
    spawn = sys.modules.get("port_linker.ssh.spawn")
    if spawn is not None:
        spawn.abandon()


_DOING = {"connect": "connecting to", "doctor": "looking at"}


def _read(scan: Scan) -> Settings:
    import os

    from port_linker.cli.early import read_settings

    settings = read_settings(scan, os.environ)
    if settings is None:
        from port_linker.cli.parser import parse_words

        settings = parse_words(scan.verb, scan.rest)
    return settings


def _announce(host: str, doing: str = "connecting to") -> None:
    """Put a word on the screen before the heavy imports begin."""
    from port_linker.model import clean_text

    sys.stderr.write(f"{doing} {clean_text(host)}...\n")
    sys.stderr.flush()


def _print_help(scan: Scan) -> int:
    from port_linker.cli.parser import print_help
    from port_linker.cli.verbs import VERB_NAMES
    from port_linker.errors import UsageError

    verb = scan.verb if scan.has_verb else None
    if verb == "help":
        verb = scan.host
    if verb is not None and verb not in VERB_NAMES:
        raise UsageError(f"there is no verb {verb}", "port-linker help")
    print_help(verb)
    return 0


def _print_version(settings: Settings | None = None) -> int:
    from port_linker import __version__

    if settings is None or not settings.json:
        return _print_lines((f"port-linker {__version__}",))
    import json

    from port_linker.session.events import SCHEMA

    return _print_lines((json.dumps({"version": __version__, "schema": SCHEMA}),))


def _print_lines(lines: tuple[str, ...]) -> int:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    return 0


def _silence_stdout() -> None:
    """Let the interpreter's last flush of stdout find a place where nothing breaks."""
    import os

    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)


def _run_connect(settings: Settings) -> int:
    from port_linker.cli.connect import run_connect

    return run_connect(settings)


def _run_demo(settings: Settings) -> int:
    from port_linker.cli.demo import run_demo

    return run_demo(settings)


def _run_doctor(settings: Settings) -> int:
    settings.host  # noqa: B018 - raises where HOST is missing
    from port_linker.cli.doctor import run_doctor

    return run_doctor(settings)


def _run_completion(settings: Settings) -> int:
    from port_linker.cli.completion import read_script

    sys.stdout.write(read_script(settings.word))
    return 0


def _run_config(settings: Settings) -> int:
    from port_linker.cli.config import run_config

    return run_config(settings)


def _run_schema(settings: Settings) -> int:
    del settings
    from importlib import resources

    path = resources.files("port_linker.cli").joinpath("data/events.schema.json")
    sys.stdout.write(path.read_text(encoding="utf-8"))
    return 0


_RUNS: dict[str, Callable[[Settings], int]] = {
    "connect": _run_connect,
    "demo": _run_demo,
    "doctor": _run_doctor,
    "completion": _run_completion,
    "config": _run_config,
    "schema": _run_schema,
    "version": _print_version,
}


if __name__ == "__main__":
    sys.exit(main())
