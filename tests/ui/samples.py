"""Events that the tests of several front ends share."""

from __future__ import annotations

from typing import Any

from port_linker.cause import PLACEMENT
from port_linker.demo.steps import STEPS, DemoEvent
from port_linker.ports.types import ServiceState
from port_linker.session.events import (
    ConflictEvent,
    HelloEvent,
    LinkEvent,
    LinkState,
    LogEvent,
    ServiceEvent,
    SessionEvent,
    SessionState,
    StateEvent,
)
from port_linker.session.questions import KILL, REMAP, SKIP, Question
from tests.fakes.causes import why

AT = 1795253400.12  # 2026-11-21T09:30:00.120Z
BOTH = ("127.0.0.1:5432", "[::1]:5432")


def service(
    port: int = 5432,
    state: ServiceState = ServiceState.READY,
    *,
    at: float = AT,
    proto: str = "tcp",
    host: str = "127.0.0.1",
    local: tuple[str, ...] | None = None,
    process: str | None = "postgres",
    reason: str | None = None,
    code: str = PLACEMENT,
    container: str | None = None,
) -> ServiceEvent:
    """Return a service event; ready ones are bound on both families by default."""
    if local is None:
        is_bound = state in (ServiceState.READY, ServiceState.DOWN)
        local = (f"127.0.0.1:{port}", f"[::1]:{port}") if is_bound else ()
    remote = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    cause = None if reason is None else why(reason, code)
    return ServiceEvent(
        at, "dev1", state, proto, port, remote, local, process, 812, "alice", container, cause
    )


def session(
    state: SessionState,
    at: float = AT,
    reason: str | None = None,
    retry_in_s: float | None = None,
) -> StateEvent:
    """Return a session event."""
    cause = None if reason is None else why(reason)
    return StateEvent(at, "dev1", state, cause, retry_in_s)


def link(
    name: str = "stdio", state: LinkState = LinkState.UP, rtt_ms: float | None = 0.4
) -> LinkEvent:
    """Return a link event."""
    return LinkEvent(AT, "dev1", name, state, rtt_ms)


def quic(**figures: Any) -> LinkEvent:
    """Return the event of a QUIC link that is up and measured."""
    known = {"rtt_ms": 38.2, "path": "192.0.2.7:60000", "mtu": 1472, "loss_percent": 0.4}
    return LinkEvent(AT, "dev1", "quic", LinkState.UP, **{**known, **figures})


def conflict(port: int = 8080) -> ConflictEvent:
    """Return a conflict event: node holds the port."""
    choices = ("kill", "remap", "skip")
    return ConflictEvent(AT, "dev1", "tcp", port, f"0.0.0.0:{port}", 71, "node", choices)


def log(message: str = "hello", level: str = "info") -> LogEvent:
    """Return a log event of the agent."""
    return LogEvent(AT, "dev1", level, "agent", message, {"pid": 5})


def question(number: int = 1, sentence: str = "8080 is held here by node (pid 71).") -> Question:
    """Return a question about a conflict."""
    return Question(str(number), "conflict", sentence, (KILL, REMAP, SKIP), "skip")


EVERY_KIND: list[SessionEvent] = [
    HelloEvent(AT, "dev1", "0.1.0", "b1946ac9"),
    session(SessionState.CONNECTING),
    session(SessionState.DEPLOYING),
    link("quic", LinkState.TRYING, None),
    link(),
    session(SessionState.UP),
    service(5432),
    service(80, local=("127.0.0.1:8080", "[::1]:8080"), process="nginx", host="0.0.0.0"),
    service(22, ServiceState.SKIPPED, process="sshd", reason="ssh itself (--allow 22 lifts it)"),
    service(8080, ServiceState.CONFLICT, process=None, reason="8080 is held here by node (pid 71)"),
    conflict(),
    service(9000, ServiceState.WAITING, container="web", reason="2,000 services are bound"),
    service(53, proto="udp", process="dnsmasq", local=("[::1]:53",), reason="127.0.0.1 is taken"),
    log("careful", "warning"),
    session(SessionState.OUTAGE, AT + 10, "ssh ended", 0.0),
    service(5432, ServiceState.DOWN, reason="outage"),
    session(SessionState.OUTAGE, AT + 12, None, 4.0),
    session(SessionState.REATTACHED, AT + 72),
    session(SessionState.UP, AT + 72),
    service(5432, ServiceState.GONE),
    DemoEvent(AT, "demo", STEPS[0], True, "A target of its own is ready.", 12.5),
    session(SessionState.CLOSED, reason="asked to"),
]

HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\nready\u202e[bold red]x[/]\u0000\ud800"
