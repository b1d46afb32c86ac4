"""port-linker as a test drives it: started with --json, its events read as they come."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jsonschema

from tests.lab.hosts import PROGRAM, REPOSITORY, TwoHosts

Event = dict[str, Any]
CHECKED_LINES = 200  # at each end of what one program wrote


class PortLinker:
    """A running `port-linker --json`. Every wait has an end and says what was seen."""

    def __init__(
        self,
        lab: TwoHosts,
        *words: str,
        env: dict[str, str] | None = None,
        prefix: Sequence[str] = (),
        program: str = PROGRAM,
    ) -> None:
        self.lab = lab
        self.events: list[Event] = []
        self.garbage: list[str] = []
        self.stderr = ""
        self._news = threading.Condition()
        self.started_at = time.monotonic()
        pipe = subprocess.PIPE
        command = [*prefix, program, *words, "--json"]
        self.process = lab.start(*command, stdout=pipe, stderr=pipe, env=env)
        self._readers = [
            threading.Thread(target=self._read_events, daemon=True),
            threading.Thread(target=self._read_stderr, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read_events(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                try:
                    self.events.append(json.loads(line))
                except ValueError:
                    self.garbage.append(line.decode(errors="replace"))
                self._news.notify_all()

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self.stderr += line.decode(errors="replace")
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def wait(self, ask: Callable[[list[Event]], Any], what: str, timeout_s: float = 10) -> Any:
        """Return the first true answer of ask(events). Fails naming `what` and what was seen."""
        end = time.monotonic() + timeout_s
        with self._news:
            while not (answer := ask(self.events)):
                if self.process.poll() is not None and not self._readers[0].is_alive():
                    raise AssertionError(f"the program ended without {what}\n{self.tell()}")
                if time.monotonic() > end:
                    raise AssertionError(f"not within {timeout_s:g} s: {what}\n{self.tell()}")
                self._news.wait(min(0.2, max(0.0, end - time.monotonic())))
            return answer

    def wait_event(self, name: str, since: int = 0, timeout_s: float = 10, **fields: Any) -> Event:
        """Return the first event of that name, from position `since` on, with these fields."""

        def ask(events: list[Event]) -> Event | None:
            for event in events[since:]:
                if event.get("event") == name and fields.items() <= event.items():
                    return event
            return None

        found: Event = self.wait(ask, f"event {name} {fields}", timeout_s)
        return found

    def wait_service(
        self,
        port: int,
        state: str = "ready",
        proto: str = "tcp",
        timeout_s: float = 10,
        remote: str | None = None,
    ) -> Event:
        """Return the event by which a service is now in this state."""

        def ask(events: list[Event]) -> Event | None:
            for event in services_of(events).values():
                if (event["port"], event["proto"], event["state"]) == (port, proto, state) and (
                    remote in (None, event["remote"])
                ):
                    return event
            return None

        found: Event = self.wait(ask, f"{proto} {port} {state}", timeout_s)
        return found

    def wait_session(self, state: str, since: int = 0, timeout_s: float = 15) -> Event:
        """Return the event by which the session came into this state."""
        return self.wait_event("session", since, timeout_s, state=state)

    def wait_error(self, code: str, timeout_s: float = 20) -> str:
        """Wait for the end of the program and return its stderr, which must name the code."""
        self.process.wait(timeout_s)
        for reader in self._readers:
            reader.join(5)
        assert code in self.stderr, self.tell()
        assert "Traceback" not in self.stderr, self.tell()
        return self.stderr

    def mark(self) -> int:
        """Return the position behind the last event so far, for `since`."""
        with self._news:
            return len(self.events)

    def services(self) -> dict[str, Event]:
        """Return the last event of each service, by "tcp/127.0.0.1:80"."""
        with self._news:
            return services_of(self.events)

    def tell(self) -> str:
        """Return what was seen, for a failed test."""
        lines = [json.dumps(event) for event in self.events[-40:]]
        code = self.process.poll()
        return "\n".join([*lines, *self.garbage[-10:], self.stderr[-4000:], f"exit code: {code}"])

    def check_schema(self) -> None:
        """See that the lines keep to the schema in docs/: all, or of many the first and last."""
        schema = json.loads(Path(REPOSITORY, "docs", "events.schema.json").read_text())
        check = jsonschema.Draft202012Validator(schema)
        was_killed = self.process.returncode == -signal.SIGKILL  # perhaps within a line
        assert was_killed or self.garbage == [], self.garbage[:5]
        for event in [*self.events[:CHECKED_LINES], *self.events[CHECKED_LINES:][-CHECKED_LINES:]]:
            check.validate(event)

    def stop(self, sign: int = signal.SIGINT, timeout_s: float = 10) -> int:
        """Send a signal, wait for the end, and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(sign)
        code = self.process.wait(timeout_s)
        for reader in self._readers:
            reader.join(5)
        return code


def services_of(events: list[Event]) -> dict[str, Event]:
    """Return the last event of each service."""
    found = {}
    for event in events:
        if event.get("event") == "service":
            found[f"{event['proto']}/{event['remote']}"] = event
    return found
