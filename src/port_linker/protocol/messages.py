"""The objects of control frames and hellos, made and checked. Pure; runs on Python 3.9.

Every control message has a key "t". Unknown messages and unknown keys are ignored, so that a newer
side may say more; what is known and malformed is a ProtocolError.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Iterable, Optional  # noqa: UP035 - Python 3.9

from port_linker.errors import ProtocolError
from port_linker.model import (
    MAX_ID,
    MAX_NAME_CHARS,
    Service,
    ServiceId,
    clean_text,
    parse_service,
    parse_service_key,
)
from port_linker.protocol.version import WIRE_VERSION

BATCH = 200  # services in one message, about 100 kB
BATCH_BYTES = 128 * 1024  # long command lines make a message shorter; a frame takes 256 KiB
MAX_LOG_CHARS = 4096
MAX_LOG_FIELDS = 32
MAX_FIELD_CHARS = 512
MAX_LOG_NUMBER = 1 << 53  # what every reader of JSON takes


@dataclass(frozen=True)
class Hello:
    """The first message of a link. peer: whose state I hold; "" if none."""

    me: str
    peer: str
    received_bytes: int
    version: int = WIRE_VERSION

    def to_json(self) -> dict[str, Any]:
        """Return the object of the HELLO frame."""
        return {
            "v": self.version,
            "me": self.me,
            "peer": self.peer,
            "received": self.received_bytes,
        }


def parse_hello(message: dict[str, Any]) -> Hello:
    """Return the Hello. Raises ProtocolError if keys are missing or the version is another one."""
    version = message.get("v")
    said = version if is_count(version, 0xFFFF) else "unknown"
    if said != WIRE_VERSION:
        raise ProtocolError(f"the other side speaks version {said}, this one {WIRE_VERSION}")
    me, peer, received = message.get("me"), message.get("peer"), message.get("received")
    if not _is_name(me) or not _is_name(peer) or not is_count(received, 1 << 63):
        raise ProtocolError("a hello without its names")
    return Hello(str(me), str(peer), int(received))  # type: ignore[arg-type]


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_NAME_CHARS and value.isascii()


@dataclass(frozen=True)
class Facts:
    """What the agent tells about its machine, once per agent."""

    uid: int
    user: str
    hostname: str
    boot_id: str
    netns: str
    ephemeral: tuple[int, int]
    ssh_port: Optional[int]
    python: str
    source: str  # "sock_diag" or "procfs"
    pid: int
    wall_s: float

    def to_json(self) -> dict[str, Any]:
        """Return the control message."""
        return {"t": "facts", **self.__dict__, "ephemeral": list(self.ephemeral)}


def parse_facts(message: dict[str, Any]) -> Facts:
    """Return the Facts. Raises ProtocolError if one is missing or of the wrong kind."""
    try:
        low, high = message["ephemeral"]
        ssh_port = message.get("ssh_port")
        return Facts(
            uid=_number(message["uid"], MAX_ID),
            user=_text(message["user"]),
            hostname=_text(message["hostname"]),
            boot_id=_text(message["boot_id"]),
            netns=_text(message["netns"]),
            ephemeral=(_number(low, 0xFFFF), _number(high, 0xFFFF)),
            ssh_port=None if ssh_port is None else _number(ssh_port, 0xFFFF),
            python=_text(message["python"]),
            source=_text(message["source"]),
            pid=_number(message["pid"], MAX_ID),
            wall_s=_seconds(message["wall_s"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ProtocolError("the agent's facts are malformed") from error


def _number(value: Any, limit: int) -> int:
    if not is_count(value, limit):
        raise ValueError("not a number within its limits")
    return int(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):  # not str(value): of nested JSON that takes long, or fails
        raise TypeError("not a text")
    return clean_text(value)


def _seconds(value: Any) -> float:
    if not _is_finite(value) and not is_count(value, 1 << 53):
        raise ValueError("not a time")
    return float(value)


@dataclass(frozen=True)
class ServiceChanges:
    """What changed since the last such message. is_full: what is not named is gone."""

    appeared: tuple[Service, ...] = ()
    changed: tuple[Service, ...] = ()
    vanished: tuple[ServiceId, ...] = ()
    is_full: bool = False


def encode_changes(
    appeared: Iterable[Service],
    changed: Iterable[Service],
    vanished: Iterable[ServiceId],
    is_full: bool = False,
) -> list[dict[str, Any]]:
    """Return the messages for one difference, at most BATCH services and BATCH_BYTES each."""
    rows: list[tuple[str, Any]] = [("vanished", service.key) for service in vanished]
    rows += [("appeared", service.to_json()) for service in appeared]
    rows += [("changed", service.to_json()) for service in changed]
    messages: list[dict[str, Any]] = [{"t": "services", "full": True}] if is_full else []
    count, size = 0, 0
    for kind, row in rows:
        row_bytes = len(json.dumps(row))
        if not messages or count >= BATCH or size + row_bytes > BATCH_BYTES:
            messages.append({"t": "services"})
            count = size = 0
        messages[-1].setdefault(kind, []).append(row)
        count, size = count + 1, size + row_bytes
    return messages


def parse_changes(message: dict[str, Any]) -> ServiceChanges:
    """Return the changes. Raises ProtocolError if a service is malformed, or there are too many."""
    rows = [message.get(name, []) for name in ("appeared", "changed", "vanished")]
    if not all(isinstance(row, list) for row in rows) or sum(map(len, rows)) > BATCH:
        raise ProtocolError(f"more than {BATCH} services in one message, or no list")
    appeared, changed, vanished = rows
    try:
        return ServiceChanges(
            appeared=tuple(map(parse_service, appeared)),
            changed=tuple(map(parse_service, changed)),
            vanished=tuple(map(_parse_vanished, vanished)),
            is_full=message.get("full") is True,
        )
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"a malformed list of services: {error}") from error


def _parse_vanished(key: Any) -> ServiceId:
    if not isinstance(key, str):
        raise TypeError("a service is named by a text")
    return parse_service_key(key)


@dataclass(frozen=True)
class LogRecord:
    """One line of the agent's log."""

    level: str
    message: str
    fields: dict[str, Any]
    at: float


def parse_log(message: dict[str, Any]) -> LogRecord:
    """Return the line, its texts cleaned; what is missing is left empty."""
    fields = message.get("fields")
    at = message.get("at")
    return LogRecord(
        level=_plain(message.get("level", "info"), 16),
        message=_plain(message.get("message", ""), MAX_LOG_CHARS),
        fields=_clean_fields(fields) if isinstance(fields, dict) else {},
        at=at if isinstance(at, float) and math.isfinite(at) else 0.0,
    )


def _clean_fields(fields: dict[str, Any]) -> dict[str, Any]:
    kept = list(fields.items())[:MAX_LOG_FIELDS]
    return {clean_text(key, 64): _plain_field(value) for key, value in kept}


def _plain_field(value: Any) -> Any:
    is_number = isinstance(value, int) and abs(value) <= MAX_LOG_NUMBER  # or a flag
    return (
        value if value is None or is_number or _is_finite(value) else _plain(value, MAX_FIELD_CHARS)
    )


def _plain(value: Any, limit: int) -> str:
    """Return a text of what should be one; our agents send no lists and objects here."""
    if isinstance(value, str):
        return clean_text(value, limit)
    return "(nested)" if isinstance(value, (list, dict)) else repr(value)[:limit]


def _is_finite(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)  # JSON has no word for the others


def is_count(value: Any, limit: int) -> bool:
    """Whether it is a number from 0 to limit; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= limit
