"""The steps of the demo: their names, limits, sentences, and the event that tells of one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from port_linker.errors import PortLinkerError
from port_linker.session.events import SessionEvent

TARGET_NAME = "demo"  # what people see instead of the command that reaches it
CODE = "PL-DEMO"
HINT = "the log has more (-v shows it); port-linker HOST may work all the same"


@dataclass(frozen=True)
class Step:
    """One step. limit_s: past it the step has failed."""

    number: int
    name: str
    title: str
    limit_s: float


TARGET = Step(1, "target", "a target of its own", 15.0)
SESSION = Step(2, "session", "the session", 30.0)
WEB = Step(3, "web", "the web page", 10.0)
TCP = Step(4, "tcp", "the TCP echo", 10.0)
UDP = Step(5, "udp", "the UDP echo", 10.0)
LATE = Step(6, "late", "a service that starts late", 10.0)
STOP = Step(7, "stop", "a service that stops", 10.0)
QUIC = Step(8, "quic", "the QUIC link", 20.0)
STEPS = (TARGET, SESSION, WEB, TCP, UDP, LATE, STOP, QUIC)


class DemoFault(Exception):
    """A step did not work; its text says why and stands behind the step's title."""


class StepFailed(PortLinkerError):
    """The demo ends: one sentence that names the step."""

    code = CODE

    def __init__(self, step: Step, why: str, hint: str | None = None) -> None:
        sentence = f"step {step.number} of the demo failed ({step.title}): {why}"
        super().__init__(sentence, hint or HINT)
        self.step = step
        self.why = why


@dataclass(frozen=True)
class DemoEvent(SessionEvent):
    """A step has ended. text: the sentence for people."""

    step: Step
    ok: bool
    text: str
    took_ms: float
    name = "demo"

    def payload(self) -> dict[str, Any]:
        """Return what follows event, at and target in the JSON object."""
        return {
            "step": self.step.name,
            "number": self.step.number,
            "ok": self.ok,
            "text": self.text,
            "took_ms": self.took_ms,
        }

    @property
    def line(self) -> str:
        """The numbered line for people."""
        return f"{self.step.number}. {self.text}"


def describe_target(is_private: bool, host: str, ports: tuple[int, ...]) -> str:
    """Return the sentence of step 1. ports: web page, TCP echo, UDP echo."""
    where = (
        "A target of its own is ready: a private network on this machine."
        if is_private
        else f"This system allows no private network, so the target is {host} of this machine."
    )
    web, tcp, udp = ports[:3]
    return f"{where} It runs a web page (TCP {web}), a TCP echo ({tcp}) and a UDP echo ({udp})."


def describe_session(took_s: float) -> str:
    """Return the sentence of step 2."""
    return (
        f"port-linker reached it and has all three on localhost, same ports, after {took_s:.2f} s."
    )


def describe_page(port: int, status: str, size: int, took_ms: float) -> str:
    """Return the sentence of step 3."""
    return f"GET http://localhost:{port}/ - {status}, {size} bytes, {took_ms:.1f} ms."


def describe_echo(proto: str, port: int, size: int, took_ms: float) -> str:
    """Return the sentence of steps 4 and 5."""
    return f"{proto} localhost:{port} - {size:,} bytes there and back, {took_ms:.1f} ms."


def describe_late(port: int, took_ms: float) -> str:
    """Return the sentence of step 6."""
    return f"One more service starts: TCP {port} answers on localhost {took_ms:.0f} ms later."


def describe_stop(port: int, took_ms: float) -> str:
    """Return the sentence of step 7."""
    return (
        f"That service stops: localhost:{port} refuses connections {took_ms:.0f} ms later"
        " (a restart within 1 s would go unnoticed)."
    )


def describe_quic(is_up: bool, reason: str | None, took_ms: float) -> str:
    """Return the sentence of step 8. took_ms: of a connection and its first reply over QUIC."""
    if is_up:
        return (
            "QUIC came up beside ssh and takes the new connections:"
            f" {took_ms:.1f} ms for one and its first reply."
        )
    return f"QUIC is not used yet ({reason or 'no reason is known'}); all goes over ssh meanwhile."


def describe_end(port: int, goes_on: bool) -> str:
    """Return the last line: it worked, and what next."""
    told = "All of it worked."
    if goes_on:
        told += f" Try it yourself: curl http://localhost:{port}/ (Ctrl-C ends the demo)."
    return told + " With a machine of yours: port-linker HOST"
