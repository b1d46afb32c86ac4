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
from port_linker.model import Service, ServiceId, clean_text, parse_service, parse_service_key
from port_linker.protocol.version import WIRE_VERSION

BATCH = 200  # services in one message, about 100 kB
BATCH_BYTES = 128 * 1024  # long command lines make a message shorter; a frame takes 256 KiB
MAX_LOG_CHARS = 4096


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
    if version != WIRE_VERSION:
        raise ProtocolError(f"the other side speaks version {version!r}, this one {WIRE_VERSION}")
    me, peer, received = message.get("me"), message.get("peer"), message.get("received")
    if not isinstance(me, str) or not isinstance(peer, str) or not _is_count(received):
        raise ProtocolError("a hello without its names")
    return Hello(me, peer, int(received))  # type: ignore[arg-type]


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
        low, high = (int(port) for port in message["ephemeral"])
        ssh_port = message.get("ssh_port")
        return Facts(
            uid=int(message["uid"]),
            user=clean_text(str(message["user"])),
            hostname=clean_text(str(message["hostname"])),
            boot_id=clean_text(str(message["boot_id"])),
            netns=clean_text(str(message["netns"])),
            ephemeral=(low, high),
            ssh_port=None if ssh_port is None else int(ssh_port),
            python=clean_text(str(message["python"])),
            source=clean_text(str(message["source"])),
            pid=int(message["pid"]),
            wall_s=float(message["wall_s"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ProtocolError("the agent's facts are malformed") from error


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
    """Return the changes. Raises ProtocolError if a service is malformed."""
    try:
        return ServiceChanges(
            appeared=tuple(map(parse_service, message.get("appeared", ()))),
            changed=tuple(map(parse_service, message.get("changed", ()))),
            vanished=tuple(parse_service_key(str(key)) for key in message.get("vanished", ())),
            is_full=message.get("full") is True,
        )
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"a malformed list of services: {error}") from error


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
        level=clean_text(str(message.get("level", "info")), 16),
        message=clean_text(str(message.get("message", "")), MAX_LOG_CHARS),
        fields=_clean_fields(fields) if isinstance(fields, dict) else {},
        at=at if isinstance(at, float) and math.isfinite(at) else 0.0,
    )


def _clean_fields(fields: dict[str, Any]) -> dict[str, Any]:
    kept = list(fields.items())[:32]
    return {
        clean_text(str(key), 64): value
        if value is None or isinstance(value, int) or _is_finite(value)
        else clean_text(str(value), 512)
        for key, value in kept
    }


def _is_finite(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)  # JSON has no word for the others


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
