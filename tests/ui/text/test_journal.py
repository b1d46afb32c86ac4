"""What happened, with its time, and a line that says the same again and again."""

from __future__ import annotations

from port_linker.cause import NOT_NAMED
from port_linker.ports.types import ServiceState
from port_linker.session.events import SessionState
from port_linker.ui.format import format_clock
from port_linker.ui.text import journal
from port_linker.ui.text.journal import Journal, Repeats
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
        reason = "not named in --only 80"
        told.take(service(port, ServiceState.SKIPPED, reason=reason, code=NOT_NAMED))
    assert told.lines() == ["2 services skipped: not named in --only 80"]


def test_any_event_may_come() -> None:
    told = Journal(ascii_only=True)
    for event in EVERY_KIND:
        told.take(event)
    assert len(told.lines()) > 10


def test_it_is_shown_ever_more_rarely_and_counted() -> None:
    seen = Repeats()
    told = [seen.take("refused", AT + n) for n in range(9)]
    since = format_clock(AT)
    counted = [f"refused ({n} times since {since})" for n in (2, 4, 8)]
    assert [text for text in told if text] == ["refused", *counted]
    assert seen.take("another", AT) == "another"


def test_it_is_told_anew_after_a_change_and_never_grows() -> None:
    seen = Repeats()
    for number in range(journal.MAX_TEXTS + 9):
        seen.take(str(number), AT)
    assert len(seen._seen) == journal.MAX_TEXTS
    seen.clear()
    assert seen.take("5", AT) == "5"
