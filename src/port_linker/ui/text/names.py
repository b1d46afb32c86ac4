"""The names of services, processes and addresses, and the signs of states. Pure.

A command line is named by what it runs, in a word or two that tell it from others of its kind. It
comes from the target: it is cut and cleaned where it is shown.
"""

from __future__ import annotations

import re

from port_linker.model import clean_text, parse_endpoint
from port_linker.ports.types import ServiceState
from port_linker.session.events import ServiceEvent

SYMBOLS = {
    ServiceState.READY: "●",
    ServiceState.WAITING: "◌",
    ServiceState.CONFLICT: "▲",
    ServiceState.SKIPPED: "–",  # noqa: RUF001 - the sign is meant
    ServiceState.DOWN: "○",
    ServiceState.GONE: "×",  # noqa: RUF001 - the sign is meant
}
LETTERS = {
    ServiceState.READY: "R",
    ServiceState.WAITING: "W",
    ServiceState.CONFLICT: "C",
    ServiceState.SKIPPED: "S",
    ServiceState.DOWN: "D",
    ServiceState.GONE: "G",
}
MAX_CHARS = 24  # of an argument that is added: the widest that the table's column gets
COMM_CHARS = 15  # Linux cuts the name of a process there (TASK_COMM_LEN)
_INTERPRETER = re.compile(
    r"(?:python|pypy|node|nodejs|deno|bun|java|ruby|perl|php|lua|dotnet|Rscript|julia|bash|sh)[\d.]*"
)
_OPTIONS_WITH_VALUE = frozenset(
    {"-W", "-X", "-r", "--require", "--import", "-I", "-cp", "-classpath", "--class-path", "-C"}
)
_ESCAPED = re.compile(r"(?:\\x[0-9a-f]{2})+")
_GENERIC = re.compile(r"(?:index|server|main|__main__|app|manage|wsgi|asgi|start)\.\w+")


def name_program(process: str | None, command: str | None) -> str:
    """Return "http.server 8000" of `python3 -m http.server 8000`, else the process's own name."""
    words = (command or "").split()
    if not words:
        return process or ""
    own = _base(words[0])
    if not _INTERPRETER.fullmatch(own):
        whole = process is not None and len(process) == COMM_CHARS and own.startswith(process)
        return own if whole else process or own
    script = _name_script(own, words[1:])
    if process and not _is_its_own(process, own, script):
        return process  # which the program gave itself
    return script or process or own


def name_server(process: str | None, command: str | None, unit: str | None) -> str:
    """Return the program's name; the unit's where that says more.

    It does for a process that cannot be seen, for one instance of many ("postgresql@15-main"), and
    for an interpreter whose script has a name that many scripts have. What a desktop runs in a
    scope is only named where nothing else is known: all that a terminal starts shares one.
    """
    program, name = name_program(process, command), name_unit(unit)
    if not program or not name:
        return program or name
    is_service = (unit or "").endswith(".service")
    return name if is_service and ("@" in name or _says_little(program, command)) else program


def _says_little(program: str, command: str | None) -> bool:
    words = (command or program).split()
    if not words or not _INTERPRETER.fullmatch(_base(words[0])):
        return False
    script = program.split(maxsplit=1)[0].rsplit("/", 1)[-1]
    return bool(_INTERPRETER.fullmatch(script) or _GENERIC.fullmatch(script))


def name_unit(unit: str | None) -> str:
    """Return "nginx" of nginx.service, "org.gnome.Maps" of app-gnome-org.gnome.Maps-2211.scope.

    Source: systemd.unit(5) on escapes; systemd.io/DESKTOP_ENVIRONMENTS on what begins with app-.
    """
    name, _, kind = (unit or "").rpartition(".")
    if name.startswith("app-"):
        name = name[4:].partition("@")[0]
        name = re.sub(r"-(\d+|[0-9a-f]{8,})\Z", "", name) if kind == "scope" else name
        name = name.rsplit("-", 1)[-1]
    return clean_text(_ESCAPED.sub(_unescape, name.rstrip("@")))


def _unescape(escaped: re.Match[str]) -> str:
    return bytes.fromhex(escaped[0].replace("\\x", "")).decode("utf-8", "replace")


def _is_its_own(process: str, interpreter: str, script: str) -> bool:
    """Whether the kernel made the process's name of the command line."""
    plain, given = interpreter.rstrip("0123456789."), process.rstrip("0123456789.")
    is_kin = plain.startswith(given) or given.startswith(plain)  # nodejs, node-MainThread
    return is_kin or given == "MainThread" or script.rsplit("/", 1)[-1].startswith(process)


def _name_script(interpreter: str, words: list[str]) -> str:
    """Return what an interpreter was told to run, "" if that is no file."""
    is_jar = False
    while words and words[0].startswith("-"):
        option, *words = words
        if option == "-m" and words:
            return _with_argument(words[0], words[1:])
        if option in ("-c", "-e", "--eval", "-p", "-"):
            return f"{interpreter} {option}"
        if option in _OPTIONS_WITH_VALUE:
            words = words[1:]
        is_jar = option == "-jar"
    if not words:
        return ""
    if interpreter.startswith("java") and not is_jar:
        return words[0].rsplit(".", 1)[-1]
    return _with_argument(_shorten(words[0]), words[1:])


def _shorten(path: str) -> str:
    """Return a file's name, with its folder where the name says little."""
    name = _base(path)
    folder = path.rsplit("/", 2)[-2] if path.count("/") else ""
    return f"{folder}/{name}" if folder and _GENERIC.fullmatch(name) else name


def _with_argument(name: str, words: list[str]) -> str:
    """Return the name and its first argument, if that is a word and not too long."""
    if words and not words[0].startswith(("-", "/")) and len(name) + len(words[0]) < MAX_CHARS:
        return f"{name} {words[0]}"
    return name


def _base(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1] or path


def name_process(event: ServiceEvent) -> str:
    """Return what serves: container and program, or whose it is where only root may look."""
    program = name_server(event.process, event.command, event.unit)
    if event.container:
        return f"{event.container}/{program}" if program else event.container
    return program or (f"of {event.user}" if event.user else "")


def name_service(event: ServiceEvent) -> str:
    """Return how a sentence names the service: "5432/tcp (postgres)", "22/tcp of root"."""
    process = name_process(event)
    port = f"{event.port}/{event.proto}"
    is_known = bool(event.process or event.command or event.container or event.unit)
    return f"{port} {f'({process})' if is_known else process}" if process else port


def format_local(local: tuple[str, ...]) -> str:
    """Return where to connect: "localhost:80" if both families have it, else each address."""
    ends = [_split(address) for address in local]
    ports = {port for _, port in ends}
    hosts = {host for host, _ in ends}
    if len(ports) == 1 and {"127.0.0.1", "::1"} <= hosts:
        return f"localhost:{next(iter(ports))}"
    return " ".join(local)


def _split(address: str) -> tuple[str, int]:
    try:
        return parse_endpoint(address)
    except ValueError:
        return address, 0
