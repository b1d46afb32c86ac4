"""Events in sentences, one line per change. Pure.

The ASCII form is for streams that cannot carry more; the caller cleans what it writes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from port_linker.cause import NOT_NAMED, SKIPPED_BY_YOU, explain
from port_linker.ports.types import ServiceState
from port_linker.session.events import (
    ConflictEvent,
    LinkEvent,
    LinkState,
    LogEvent,
    ServiceEvent,
    SessionEvent,
    SessionState,
    StateEvent,
)
from port_linker.ui.format import plural
from port_linker.ui.text import names, outage
from port_linker.ui.text.links import STDIO, LinkWriter


@dataclass(frozen=True)
class Line:
    """One line for a person.

    sign: the symbol it begins with ("" for none). state: decides the colour.
    key: names the service, so that a newer line may replace an older one.
    is_progress: belongs on stderr. may_repeat: says the same again when nothing has changed.
    """

    text: str
    sign: str = ""
    state: ServiceState | None = None
    key: str | None = None
    is_progress: bool = False
    may_repeat: bool = False


_VERBS = {
    ServiceState.WAITING: "waits",
    ServiceState.CONFLICT: "is not linked",
    ServiceState.SKIPPED: "is skipped",
    ServiceState.DOWN: "is down",
    ServiceState.GONE: "is gone",
}
CONFLICT_HINT = (
    "Choose what happens to taken ports with --on-conflict kill, remap or skip,"
    " or move one with --map {port}:LOCAL."
)


@dataclass
class LineWriter:
    """Turns events into lines and leaves out what says nothing new. Bounded by the services.

    is_policy_set: what happens to taken ports was chosen, so that no hint is needed.
    is_quic_demanded: the session ends without QUIC, and says why.
    """

    ascii_only: bool = False
    verbosity: int = 0
    is_policy_set: bool = False
    is_quic_demanded: bool = False
    _shown: dict[str, str] = field(default_factory=dict)  # service key → its last line
    _last: tuple[str, str] = ("", "")  # the key and the text of the newest line of a service
    _links: LinkWriter = field(init=False)
    _outage_at: float | None = None
    _is_return: bool = False  # the last line told the end of an outage
    _left_out: dict[str, str] = field(default_factory=dict)  # service key → why, by --only
    _hinted: bool = False

    def __post_init__(self) -> None:
        self._links = LinkWriter(self.verbosity, self.is_quic_demanded)

    def describe(self, event: SessionEvent) -> list[Line]:
        """Return the lines of one event, often one, sometimes none."""
        if self._is_told_with_outage(event):
            return []
        if isinstance(event, ServiceEvent):
            return self._describe_service(event)
        if isinstance(event, StateEvent):
            return self._describe_state(event)
        if isinstance(event, LinkEvent):
            return [Line(text) for text in self._links.describe(event)]
        if isinstance(event, LogEvent):
            return self._describe_log(event)
        if isinstance(event, ConflictEvent):
            return self._describe_conflict(event)
        return []  # hello: the first state says as much to a person

    def _is_told_with_outage(self, event: SessionEvent) -> bool:
        """Whether the line of an outage, or of its end, says it: session and ssh go together."""
        if self.verbosity > 0:
            return False
        if isinstance(event, LinkEvent):
            is_plain = event.link == STDIO and event.path is None and not event.needs_you
            if event.state is LinkState.DOWN:
                return is_plain and self._outage_at is not None
            is_up = is_plain and event.state is LinkState.UP
        else:
            is_up = isinstance(event, StateEvent) and event.state is SessionState.UP
        is_told = self._is_return and is_up
        is_back = isinstance(event, StateEvent) and event.state is SessionState.REATTACHED
        self._is_return = is_told or is_back
        return is_told

    def _describe_service(self, event: ServiceEvent) -> list[Line]:
        if self._is_left_out(event):
            return []
        if event.state is ServiceState.DOWN and self._outage_at is not None:
            return []  # the line about the outage tells it of all of them
        text = f"{names.name_service(event)} {self._stand(event)}"
        if self._shown.get(event.key) == text:
            return []
        if event.state is ServiceState.GONE:
            self._shown.pop(event.key, None)
        else:
            self._shown[event.key] = text
        key, last = self._last
        if last == text and key != event.key:
            return []  # 0.0.0.0:22 and [::]:22 look the same to a person
        self._last = (event.key, text)
        signs = names.LETTERS if self.ascii_only else names.SYMBOLS
        return [Line(text, signs[event.state], event.state, event.key)]

    def _is_left_out(self, event: ServiceEvent) -> bool:
        """Whether --only leaves the service out: one count tells of all of them."""
        cause = event.cause if event.state is ServiceState.SKIPPED else None
        is_left_out = cause is not None and cause.code == NOT_NAMED
        was_left_out = self._left_out.pop(event.key, None) is not None
        if is_left_out:
            self._left_out[event.key] = explain(cause)
        return is_left_out or (was_left_out and event.state is ServiceState.GONE)

    def count_left_out(self) -> str:
        """Return how many services --only leaves out now; empty if it leaves none out."""
        if not self._left_out:
            return ""
        count, reason = len(self._left_out), next(iter(self._left_out.values()))
        return f"{plural(count, 'service')} skipped: {reason}"

    def _stand(self, event: ServiceEvent) -> str:
        if event.state is not ServiceState.READY:
            verb = _VERBS[event.state]
            if event.cause is not None and event.cause.code == SKIPPED_BY_YOU:
                return f"is {event.reason}"
            return f"{verb}: {event.reason}" if event.reason else verb
        place = names.format_local(event.local)
        if not place:
            said = "is ready"
        elif _is_remapped(event):
            said = f"is ready: remote {event.port} {self._arrow} {place}"
        else:
            said = f"is ready at {place}"
        return f"{said} ({event.reason})" if event.reason else said

    @property
    def _arrow(self) -> str:
        return "->" if self.ascii_only else "→"

    def _describe_state(self, event: StateEvent) -> list[Line]:
        target, because = event.target, f": {event.reason}" if event.reason else ""
        if event.state is SessionState.OUTAGE:
            is_begun = self._outage_at is None
            if self._outage_at is None:
                self._outage_at = event.at - (event.silent_s or 0.0)
            return [Line(outage.tell_begin(event, is_begun), may_repeat=True)]
        if event.state is SessionState.REATTACHED:
            silent_s = 0.0 if self._outage_at is None else event.at - self._outage_at
            self._outage_at = None
            return [Line(outage.tell_end(event, silent_s))]
        self._outage_at = None
        told = {
            SessionState.CONNECTING: f"connecting to {target}",
            SessionState.DEPLOYING: f"starting the agent on {target}",
            SessionState.UP: f"{target} is up",
            SessionState.CLOSED: f"{target} is closed",
        }
        return [Line(told[event.state] + because)]

    def _describe_log(self, event: LogEvent) -> list[Line]:
        """Return what needs attention; with -v the log itself stands on stderr already."""
        if self.verbosity or event.level not in ("warning", "error", "critical"):
            return []
        return [Line(event.message, is_progress=True, may_repeat=True)]

    def _describe_conflict(self, event: ConflictEvent) -> list[Line]:
        """Return a hint once; who holds the port stands in the service's own line."""
        if self._hinted or self.is_policy_set:
            return []
        self._hinted = True
        return [Line(CONFLICT_HINT.format(port=event.port), is_progress=True)]


def _is_remapped(event: ServiceEvent) -> bool:
    ports = {address.rpartition(":")[2] for address in event.local}
    return ports != {str(event.port)}
