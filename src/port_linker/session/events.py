"""The one stream of events that the table, the plain lines and --json read. Pure.

Schema 2, documented in docs/events.md and docs/events.schema.json: keys may be added, never
change their meaning. `at` is RFC 3339 in UTC with milliseconds.
"""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass, field, replace
from typing import Any

from port_linker.cause import Cause, explain
from port_linker.ports.types import ServiceState

SCHEMA = 2
UNSEEN = "not seen since ssh was lost"
FIGURES = ("rtt_ms", "path", "mtu", "loss_percent", "up_bytes_per_s", "down_bytes_per_s")


class SessionState(enum.StrEnum):
    """The life of a session."""

    CONNECTING = "connecting"
    DEPLOYING = "deploying"
    UP = "up"
    OUTAGE = "outage"
    REATTACHED = "reattached"
    CLOSED = "closed"


class LinkState(enum.StrEnum):
    """The life of one link."""

    TRYING = "trying"
    UP = "up"
    DOWN = "down"


def format_time(wall_s: float) -> str:
    """Return RFC 3339 in UTC with milliseconds: "2026-11-21T09:30:00.120Z"."""
    moment = datetime.datetime.fromtimestamp(wall_s, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class SessionEvent:
    """Base: every event has a name, a time (seconds since 1970) and a target."""

    at: float
    target: str

    def payload(self) -> dict[str, Any]:
        """Return what follows event, at and target in the JSON object."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The value of the key "event"."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Return the object of one --json line."""
        head = {"event": self.name, "at": format_time(self.at), "target": self.target}
        return {**head, **self.payload()}


@dataclass(frozen=True)
class HelloEvent(SessionEvent):
    """The first line: which schema, which program, which session."""

    version: str
    session: str
    name = "hello"

    def payload(self) -> dict[str, Any]:
        return {"schema": SCHEMA, "version": self.version, "session": self.session}

    def to_json(self) -> dict[str, Any]:
        return {"event": self.name, **self.payload(), **super().to_json()}


@dataclass(frozen=True)
class ServiceEvent(SessionEvent):
    """A service appeared, changed its state, or went.

    remote: its address on the target, the first of its addresses (0.0.0.0 and :: of one process
    are one service). local: addresses bound here ("127.0.0.1:5432").
    cause: set wherever the service is not plainly ready. is_unseen: the target is out of sight.
    """

    state: ServiceState
    proto: str
    port: int
    remote: str
    local: tuple[str, ...] = ()
    process: str | None = None
    pid: int | None = None
    user: str | None = None
    container: str | None = None
    cause: Cause | None = None
    command: str | None = None
    addresses: tuple[str, ...] = ()
    unit: str | None = None
    is_unseen: bool = False
    name = "service"

    @property
    def reason(self) -> str | None:
        """The cause in words."""
        unseen = UNSEEN if self.is_unseen else ""
        return "; ".join(text for text in (explain(self.cause), unseen) if text) or None

    @property
    def key(self) -> str:
        """What names the service in the stream: "tcp/127.0.0.1:5432"."""
        return f"{self.proto}/{self.remote}"

    def payload(self) -> dict[str, Any]:
        return {
            "state": self.state.value,
            "proto": self.proto,
            "port": self.port,
            "remote": self.remote,
            "local": list(self.local),
            "process": self.process,
            "pid": self.pid,
            "user": self.user,
            "container": self.container,
            "reason": self.reason,
            "command": self.command,
            "addresses": list(self.addresses or (self.remote,)),
            "unit": self.unit,
        }


@dataclass(frozen=True)
class StateEvent(SessionEvent):
    """The session changed its state. silent_s: since the last contact, in an outage."""

    state: SessionState
    cause: Cause | None = None
    retry_in_s: float | None = None
    silent_s: float | None = None
    name = "session"

    @property
    def reason(self) -> str | None:
        """The cause in words."""
        return explain(self.cause) or None

    def payload(self) -> dict[str, Any]:
        return {
            "state": self.state.value,
            "reason": self.reason,
            "retry_in_s": self.retry_in_s,
            "silent_s": self.silent_s,
        }


@dataclass(frozen=True)
class LinkEvent(SessionEvent):
    """A link (stdio, quic) changed its state, or was measured anew. Figures: link/figures.py.

    needs_you: ssh is not tried again before a person logs in.
    """

    link: str
    state: LinkState
    rtt_ms: float | None = None
    cause: Cause | None = None
    path: str | None = None
    mtu: int | None = None
    loss_percent: float | None = None
    up_bytes_per_s: float | None = None
    down_bytes_per_s: float | None = None
    needs_you: bool = False
    name = "link"

    @property
    def reason(self) -> str | None:
        """The cause in words."""
        return explain(self.cause) or None

    def payload(self) -> dict[str, Any]:
        return {
            "link": self.link,
            "state": self.state.value,
            "rtt_ms": self.rtt_ms,
            "reason": self.reason,
            **{key: getattr(self, key) for key in FIGURES[1:]},
            "needs_you": self.needs_you,
        }

    def merged(self, older: LinkEvent) -> LinkEvent:
        """Return this event, what it does not know taken from an older one of the same state."""
        # Without a path the stdio link is simply where it belongs.
        kept = FIGURES if self.link != "stdio" else [key for key in FIGURES if key != "path"]
        missing = [key for key in kept if getattr(self, key) is None]
        known: dict[str, Any] = {key: getattr(older, key) for key in missing}
        return replace(self, **known) if older.state is self.state else self


@dataclass(frozen=True)
class ConflictEvent(SessionEvent):
    """A port is held here by somebody else; it informs, it asks nothing."""

    proto: str
    port: int
    remote: str
    holder_pid: int | None
    holder_command: str | None
    choices: tuple[str, ...] = ()
    name = "conflict"

    def payload(self) -> dict[str, Any]:
        return {
            "proto": self.proto,
            "port": self.port,
            "remote": self.remote,
            "holder": {"pid": self.holder_pid, "command": self.holder_command},
            "choices": list(self.choices),
        }


@dataclass(frozen=True)
class LogEvent(SessionEvent):
    """A log line worth a person's look. side: "host" or "agent"."""

    level: str
    side: str
    message: str
    fields: dict[str, Any] = field(default_factory=dict)
    name = "log"

    def payload(self) -> dict[str, Any]:
        body = {"level": self.level, "side": self.side, "message": self.message}
        return {**body, "fields": self.fields} if self.fields else body
