"""What the doctor found: one check per stage, and the report of all. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from port_linker.errors import EXIT_OK, PortLinkerError
from port_linker.model import clean_text

SCHEMA = 1
MAX_FOUND_CHARS = 400
NOT_REACHED = "not looked at: an earlier stage failed"


class State(enum.StrEnum):
    """How a stage stands."""

    PASS = "pass"  # noqa: S105 - no password
    NOTE = "note"  # it is so, and no trouble
    WARN = "warn"  # it works, though not as well as it could
    FAIL = "fail"
    SKIP = "skip"  # an earlier stage failed, or there is nothing to look at


@dataclass(frozen=True)
class Stage:
    """One stage. name: for scripts, never changes. title: for people."""

    name: str
    title: str


LOGIN = Stage("login", "login")
SHELL = Stage("shell", "shell")
PYTHON = Stage("python", "Python")
DIRECTORY = Stage("directory", "directory")
AGENT = Stage("agent", "agent")
LINK = Stage("link", "link")
DISCOVERY = Stage("discovery", "discovery")
ROUND_TRIP = Stage("round_trip", "round trip")
DOWNLOAD = Stage("download", "from target")
UPLOAD = Stage("upload", "to target")
CLOCK = Stage("clock", "clock")
LIMITS_TARGET = Stage("limits_target", "limits there")
LIMITS_HERE = Stage("limits_here", "limits here")
PORTS = Stage("ports", "ports here")
QUIC_HERE = Stage("quic_here", "QUIC here")
QUIC_THERE = Stage("quic_there", "QUIC there")
QUIC_PATH = Stage("quic_path", "UDP path")
QUIC_ROUND_TRIP = Stage("quic_round_trip", "QUIC trip")
QUIC_DOWNLOAD = Stage("quic_download", "QUIC from")
QUIC_UPLOAD = Stage("quic_upload", "QUIC to")
QUIC_LOSS = Stage("quic_loss", "QUIC loss")
QUIC_MTU = Stage("quic_mtu", "QUIC MTU")
STAGES = (
    *(LOGIN, SHELL, PYTHON, DIRECTORY, AGENT, LINK, DISCOVERY),
    *(ROUND_TRIP, DOWNLOAD, UPLOAD, CLOCK, LIMITS_TARGET, LIMITS_HERE, PORTS),
    *(QUIC_HERE, QUIC_THERE, QUIC_PATH, QUIC_ROUND_TRIP),
    *(QUIC_DOWNLOAD, QUIC_UPLOAD, QUIC_LOSS, QUIC_MTU),
)
_LOGIN_TITLES = {"ssh": "ssh", "docker": "docker", "exec": "command"}


@dataclass(frozen=True)
class Check:
    """What one stage found. facts: the figures behind `found`, for scripts.

    took_s: None where nothing was waited for. hint: what to try. code, exit_code: of a failure.
    """

    stage: Stage
    state: State
    found: str
    took_s: float | None = None
    hint: str | None = None
    code: str | None = None
    exit_code: int = EXIT_OK
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the object of this check in the report."""
        return {
            "name": self.stage.name,
            "state": self.state.value,
            "found": self.found,
            "took_ms": None if self.took_s is None else round(self.took_s * 1000, 2),
            "hint": self.hint,
            "code": self.code,
            "facts": dict(self.facts),
        }


def fail(stage: Stage, error: PortLinkerError, took_s: float | None = None) -> Check:
    """Return the check of a stage that ended in an error."""
    hint = error.hint or "try again; -v shows what both sides say"
    return Check(stage, State.FAIL, error.message, took_s, hint, error.code, error.exit_code)


@dataclass
class Report:
    """The checks of one run, in their order."""

    target: str
    kind: str
    checks: list[Check] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """That of the first stage that failed, 0 if none did."""
        failed = (check.exit_code for check in self.checks if check.state is State.FAIL)
        return next(failed, EXIT_OK)

    @property
    def has_failed(self) -> bool:
        """Whether a stage failed."""
        return any(check.state is State.FAIL for check in self.checks)

    def missing(self) -> list[Check]:
        """Return a check for every stage that was not looked at."""
        seen = {check.stage for check in self.checks}
        return [Check(stage, State.SKIP, NOT_REACHED) for stage in STAGES if stage not in seen]

    def to_json(self, version: str, took_s: float) -> dict[str, Any]:
        """Return the one object of --json."""
        return {
            "schema": SCHEMA,
            "version": version,
            "target": self.target,
            "ok": not self.has_failed,
            "exit_code": self.exit_code,
            "took_ms": round(took_s * 1000, 2),
            "checks": [check.to_json() for check in self.checks],
        }

    def lines_of(self, check: Check) -> list[str]:
        """Return the lines of one check for people, cleaned."""
        is_login = check.stage is LOGIN
        title = _LOGIN_TITLES.get(self.kind, LOGIN.title) if is_login else check.stage.title
        took = "" if check.took_s is None else f"  ({format_took(check.took_s)})"
        code = f" [{check.code}]" if check.code else ""
        found = _one_line(check.found)
        lines = [f"{check.state.value}  {title:<12}  {found}{code}{took}"]
        if check.hint:
            lines.append(f"{'':<6}Try: {_one_line(check.hint)}")
        return lines

    def skipped_lines(self) -> list[str]:
        """Return one line for all stages that were not looked at, for people; none without."""
        skipped = [check.stage.title for check in self.checks if check.state is State.SKIP]
        return [f"{State.SKIP.value}  {', '.join(skipped)}"] if skipped else []

    def summary(self) -> str:
        """Return the last line: how it stands, in a sentence."""
        failed = next((check for check in self.checks if check.state is State.FAIL), None)
        target = clean_text(self.target)
        if failed is not None:
            return f"{target} cannot be mirrored yet; the failed stage says what to try."
        warned = sum(check.state is State.WARN for check in self.checks)
        looked = sum(check.state is not State.SKIP for check in self.checks)
        if warned:
            return f"{target} can be mirrored; {warned} of {looked} stages could be better."
        return f"{target} can be mirrored; all is well."


def _one_line(text: str) -> str:
    return clean_text(" ".join(text.split()), MAX_FOUND_CHARS)


def format_took(seconds: float) -> str:
    """Return "0.3 ms", "38 ms" or "1.25 s"."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    millis = seconds * 1000
    return f"{millis:.1f} ms" if millis < 10 else f"{millis:.0f} ms"
