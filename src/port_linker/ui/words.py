"""Figures and states in the words that people read. Pure."""

from __future__ import annotations

import datetime

from port_linker.link.figures import OVER_QUIC, OVER_SSH
from port_linker.model import parse_endpoint
from port_linker.ports.types import ServiceState
from port_linker.session.events import LinkEvent, ServiceEvent
from port_linker.ui.programs import name_server

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
_STEP = 1000  # decimal units, as ss, curl and disks are labelled
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def format_bytes(count: float) -> str:
    """Return at most seven characters: "0 B", "999 B", "1.2 kB", "34 MB"."""
    unit = 0
    value = max(0.0, float(count))
    while round(value, 1) >= _STEP and unit < len(_UNITS) - 1:
        value /= _STEP
        unit += 1
    digits = 1 if unit and round(value, 1) < 10 else 0
    return f"{value:.{digits}f} {_UNITS[unit]}"


def format_rate(bytes_per_s: float) -> str:
    """Return "1.2 MB/s", or nothing where nothing moves."""
    return f"{format_bytes(bytes_per_s)}/s" if bytes_per_s >= 1 else ""


def format_clock(wall_s: float) -> str:
    """Return the time of day here: "18:02:11"."""
    return datetime.datetime.fromtimestamp(wall_s).astimezone().strftime("%H:%M:%S")


def format_duration(seconds: float) -> str:
    """Return "7 s", "3:05" (minutes), "2:03:05" (hours) or "5 d 2 h"."""
    whole = int(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    if hours == 0:
        return f"{minutes}:{second:02d}"
    if hours < 48:
        return f"{hours}:{minute:02d}:{second:02d}"
    return f"{hours // 24} d {hours % 24} h"


def format_rtt(rtt_ms: float) -> str:
    """Return "0.4 ms" or "38 ms"."""
    return f"{rtt_ms:.1f} ms" if rtt_ms < 10 else f"{rtt_ms:.0f} ms"


def format_loss(percent: float) -> str:
    """Return "0 % lost", "0.4 % lost" or "12 % lost"."""
    digits = 1 if 0 < round(percent, 1) < 10 else 0
    return f"{percent:.{digits}f} % lost"


def format_rates(up_per_s: float, down_per_s: float) -> str:
    """Return "11 MB/s down, 3.0 kB/s up", only what moves; bytes per second."""
    rates = [(format_rate(down_per_s), "down"), (format_rate(up_per_s), "up")]
    return ", ".join(f"{rate} {way}" for rate, way in rates if rate)


def describe_path(event: LinkEvent) -> list[str]:
    """Return path, MTU, round trip and loss of a QUIC link, as far as known."""
    facts = []
    if event.path is not None:
        over = {OVER_SSH: "over ssh", OVER_QUIC: "over quic"}
        facts.append(over.get(event.path, f"UDP {event.path}"))
    if event.mtu is not None:
        facts.append(f"MTU {event.mtu}")
    if event.rtt_ms is not None:
        facts.append(f"round trip {format_rtt(event.rtt_ms)}")
    if event.loss_percent is not None:
        facts.append(format_loss(event.loss_percent))
    return facts


NOT_TRIED = "QUIC was not tried yet"  # what link/choose.py says before anything is known


def is_ssh(target: str) -> bool:
    """Whether the target is reached by ssh, so that QUIC may be possible at all."""
    return not target.startswith(("docker:", "exec:"))


def name_stdio(target: str) -> str:
    """Return what the stdio link runs over, for a sentence."""
    return "ssh" if is_ssh(target) else "the stdio link"


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


def plural(count: int, word: str) -> str:
    """Return "1 service" or "5 services"."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


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
