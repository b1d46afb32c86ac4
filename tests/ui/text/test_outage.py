"""An outage in words, on the lines and above the table."""

from __future__ import annotations

import dataclasses

from port_linker.link.interface import Traffic
from port_linker.session.events import SessionEvent, SessionState
from port_linker.ui.text import around
from port_linker.ui.text.lines import LineWriter
from tests.ui.samples import AT, service, session
from tests.ui.text.test_around import UP, picture_of


def show(writer: LineWriter, *events: SessionEvent) -> list[str]:
    return [line.text for event in events for line in writer.describe(event)]


def test_notice_of_an_outage_counts_and_says_what_still_works() -> None:
    picture = picture_of(*UP, session(SessionState.OUTAGE, AT + 100, "ssh ended", 8.0))
    picture.fold_traffic({service().key: Traffic(flows_open=3)}, 1.0)
    assert around.build_notice(picture, AT + 104) == (
        "No contact with dev1 for 4 s (ssh ended). Next try in 4 s; r tries at once, q quits."
        " 2 services paused, local ports stay open. 3 open flows wait, no data is lost."
    )
    assert "Next try now;" in around.build_notice(picture, AT + 200)


def test_an_outage_that_began_unseen() -> None:
    assert show(LineWriter(), session(SessionState.REATTACHED, AT)) == [
        "dev1 is back after 0 s; open flows go on"
    ]


def test_flows_that_were_lost_are_not_said_to_go_on() -> None:
    assert show(LineWriter(), session(SessionState.REATTACHED, AT, "a new agent runs")) == [
        "dev1 is back after 0 s; a new agent runs"
    ]


def test_an_outage_is_as_long_as_the_silence() -> None:
    writer = LineWriter()
    outage = dataclasses.replace(session(SessionState.OUTAGE), silent_s=6.0)
    writer.describe(outage)
    [line] = writer.describe(session(SessionState.REATTACHED, AT + 4))
    assert line.text == "dev1 is back after 10 s; open flows go on"
