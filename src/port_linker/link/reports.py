"""What a sidecar tells, one JSON object a line. Pure; runs on Python 3.9.

The other half is control.rs; see control.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Callable, Mapping, Optional, Union  # noqa: UP035 - Python 3.9

from port_linker.errors import ProtocolError
from port_linker.link.control import DOOR
from port_linker.model import clean_text

MAX_DETAIL_CHARS = 500
VIA_UDP = "udp"
VIA_RELAY = "relay"


@dataclass(frozen=True)
class Ready:
    """The first line. version: of the program."""

    v: int
    version: str
    pid: int


@dataclass(frozen=True)
class Listening:
    """The UDP port is open."""

    port: int
    fingerprint: str


@dataclass(frozen=True)
class Connected:
    """The connection is up and introduced."""

    address: str


@dataclass(frozen=True)
class Adopted:
    """The binding's socket is in the sidecar's hands."""

    binding: int


@dataclass(frozen=True)
class Released:
    """No new connection is taken from it any more."""

    binding: int


@dataclass(frozen=True)
class Quiet:
    """What was sent lately is not acknowledged: the path does not work, one way or both."""


@dataclass(frozen=True)
class Heard:
    """What is sent is acknowledged again."""


@dataclass(frozen=True)
class PathChanged:
    """Packets go another way now. via: VIA_UDP or VIA_RELAY."""

    via: str
    address: str


@dataclass(frozen=True)
class Closed:
    """The connection has ended and its flows were reset."""

    reason: str
    detail: str


@dataclass(frozen=True)
class ServiceStats:
    """The counters of one service. up: from the host to the target."""

    up_bytes: int = 0
    down_bytes: int = 0
    flows_open: int = 0
    flows_total: int = 0
    refused: int = 0


@dataclass(frozen=True)
class ConnectionStats:
    """The connection as this side sees it."""

    address: str = ""
    rtt_ms: float = 0.0
    mtu: int = 0
    cwnd_bytes: int = 0
    sent_packets: int = 0
    lost_packets: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0


@dataclass(frozen=True)
class Stats:
    """All counters: by service key, and the connection's if there is one.

    acked_packets: those that the peer acknowledged, so the only ones that prove it alive.
    """

    services: Mapping[str, ServiceStats]
    connection: Optional[ConnectionStats]
    acked_packets: int = 0

    @property
    def flows_open(self) -> int:
        """Flows of all services together; the stdio link inside QUIC is none."""
        return sum(row.flows_open for key, row in self.services.items() if key != DOOR)


@dataclass(frozen=True)
class Logged:
    """A line for the one log."""

    level: str
    message: str


@dataclass(frozen=True)
class Failed:
    """A command failed; cmd names it, "" if that is not known. code: see link/faults.py."""

    code: str
    detail: str
    cmd: str = ""


Event = Union[
    Ready, Listening, Connected, Adopted, Released, Quiet, Heard, PathChanged, Closed, Stats,
    Logged, Failed,
]  # fmt: skip


def parse_event(line: bytes) -> tuple[Optional[Event], Optional[int]]:
    """Return the event of a line and the number of the question that it answers, if it does.

    None instead of an event that we do not know; unknown keys are ignored. Raises ProtocolError
    if the line is malformed.
    """
    try:
        row = json.loads(line)
        read = _READERS.get(row["event"])
        number = _count(row, "re") if "re" in row else None
        return None if read is None else read(row), number
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ProtocolError("the sidecar wrote a malformed line") from error


def _text(row: Mapping[str, Any], key: str) -> str:
    return clean_text(str(row[key]), MAX_DETAIL_CHARS)


def _count(row: Mapping[str, Any], key: str) -> int:
    """Return a counter; one that this sidecar does not have is 0."""
    value = row.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(key)
    return value


def _read_services(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, ServiceStats]:
    names = ServiceStats.__dataclass_fields__
    return {
        str(key): ServiceStats(**{n: _count(row, n) for n in names}) for key, row in rows.items()
    }


def _read_connection(row: Optional[Mapping[str, Any]]) -> Optional[ConnectionStats]:
    if row is None:
        return None
    names = ("mtu", "cwnd_bytes", "sent_packets", "lost_packets", "sent_bytes", "received_bytes")
    counts = {name: _count(row, name) for name in names}
    return ConnectionStats(address=_text(row, "address"), rtt_ms=float(row["rtt_ms"]), **counts)


_READERS: dict[str, Callable[[Mapping[str, Any]], Event]] = {
    "ready": lambda row: Ready(int(row["v"]), _text(row, "version"), int(row["pid"])),
    "listening": lambda row: Listening(int(row["port"]), _text(row, "fingerprint")),
    "connected": lambda row: Connected(_text(row, "address")),
    "adopted": lambda row: Adopted(int(row["binding"])),
    "released": lambda row: Released(int(row["binding"])),
    "quiet": lambda _: Quiet(),
    "heard": lambda _: Heard(),
    "path_changed": lambda row: PathChanged(_text(row, "via"), _text(row, "address")),
    "closed": lambda row: Closed(_text(row, "reason"), _text(row, "detail")),
    "stats": lambda row: Stats(
        _read_services(row["services"]),
        _read_connection(row["connection"]),
        _count(row, "acked_packets"),
    ),
    "log": lambda row: Logged(_text(row, "level"), _text(row, "message")),
    "error": lambda row: Failed(
        _text(row, "code"), _text(row, "detail"), clean_text(str(row.get("cmd") or ""))
    ),
}
