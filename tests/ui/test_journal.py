"""What happened, with its time."""

from __future__ import annotations

from port_linker.ports.types import ServiceState
from port_linker.session.events import SessionState
from port_linker.ui import journal
from port_linker.ui.journal import Journal
from port_linker.ui.words import format_clock
from tests.ui.samples import AT, EVERY_KIND, HOSTILE, log, service, session

WAITING = "ssh ended; local ports stay, open flows wait"


def test_every_change_is_there_with_its_time() -> None:
    told = Journal()
    told.take(service(at=AT))
    told.take(service(state=ServiceState.GONE, at=AT + 60))
    told.take(log("node (pid 71), which held port 8080 here, was ended", "warning"))
    told.take(session(SessionState.OUTAGE, AT + 61, "ssh ended"))
    assert told.lines() == [
        f"{format_clock(AT)} ● 5432/tcp (postgres) is ready at localhost:5432",
        f"{format_clock(AT + 60)} × 5432/tcp (postgres) is gone",  # noqa: RUF001
        f"{format_clock(AT)} node (pid 71), which held port 8080 here, was ended",
        f"{format_clock(AT + 61)} no contact with dev1: {WAITING}",
    ]


def test_what_repeats_is_one_line_with_its_number() -> None:
    told = Journal()
    for step in range(6):
        told.take(service(at=AT + step))
        told.take(service(state=ServiceState.GONE, at=AT + step + 0.5))
    assert len(told.lines()) == 2
    assert told.lines()[1].endswith(f"is gone (6 times since {format_clock(AT + 0.5)})")
    assert told.lines()[1].startswith(format_clock(AT + 5.5))


def test_it_is_bounded_and_clean() -> None:
    told = Journal()
    assert told.lines() == ["Nothing has happened yet."]
    for number in range(journal.MAX_ENTRIES + 5):
        told.take(log(f"line {number}", "warning"))
    assert len(told.lines()) == journal.MAX_ENTRIES
    assert told.lines()[0].endswith("line 5")
    told.take(log(HOSTILE, "warning"))
    assert told.lines()[-1].replace("\ufffd", "").isprintable()


def test_what_only_leaves_out_is_one_count() -> None:
    told = Journal()
    for port in (1, 2):
        told.take(service(port, ServiceState.SKIPPED, reason="not named in --only 80"))
    assert told.lines() == ["2 services skipped: not named in --only 80"]


def test_any_event_may_come() -> None:
    told = Journal(ascii_only=True)
    for event in EVERY_KIND:
        told.take(event)
    assert len(told.lines()) > 10
