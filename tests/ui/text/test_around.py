"""What stands around the table."""

from __future__ import annotations

import dataclasses

import pytest

from port_linker.cause import NOT_TRIED, Cause
from port_linker.link.interface import Traffic
from port_linker.ports.types import ServiceState
from port_linker.session.events import LinkState, SessionEvent, SessionState
from port_linker.session.snapshot import Row, Snapshot
from port_linker.ui.text import around
from tests.fakes.causes import why
from tests.ui.samples import AT, HOSTILE, link, quic, service, session


def picture_of(*events: SessionEvent) -> Snapshot:
    picture = Snapshot("dev1")
    for event in events:
        picture.fold(event)
    return picture


def header(picture: Snapshot, width: int = 200, ascii_only: bool = False) -> str:
    cells = around.build_header(picture, AT + 3725, width, ascii_only)
    return "  ".join(cell.text for cell in cells)


UP = (session(SessionState.UP), link(), service(), service(80), service(22, ServiceState.SKIPPED))


def test_header_of_a_session_that_is_up() -> None:
    assert header(picture_of(*UP)) == ("dev1  ● up  stdio 0.4 ms  2 ready  1 skipped  for 1:02:05")
    assert header(picture_of(*UP), ascii_only=True).startswith("dev1  up  stdio")


@pytest.mark.parametrize("width", range(1, 70))
def test_header_drops_what_does_not_fit_and_keeps_the_target(width: int) -> None:
    text = header(picture_of(*UP), width)
    assert text.startswith("dev1")
    assert len(text) <= max(width, len("dev1"))


def test_header_tells_what_moves_now_where_there_is_room() -> None:
    picture = picture_of(*UP)
    for second in range(9):
        picture.fold_traffic({service().key: Traffic(0, second * 2_000_000)}, float(second))
    assert "  2.0 MB/s down  for 1:02:05" in header(picture)
    assert header(picture, 58).endswith("1 skipped  for 1:02:05")


def test_the_path_of_quic_and_how_it_fares() -> None:
    assert around.build_path(picture_of(*UP)) == ""
    trying = link("quic", LinkState.TRYING, None)
    assert around.build_path(picture_of(*UP, trying)) == ""
    assert around.build_path(picture_of(*UP, quic())) == (
        "UDP 192.0.2.7:60000  MTU 1472  round trip 38 ms  0.4 % lost"
    )
    bare = quic(rtt_ms=None, mtu=None, loss_percent=None)
    assert around.build_path(picture_of(*UP, bare)) == "UDP 192.0.2.7:60000"


def test_why_quic_is_not_used_is_said_while_it_carries_on_over_ssh() -> None:
    relayed = dataclasses.replace(
        quic(), state=LinkState.DOWN, path="ssh", cause=why("UDP does not pass\x1b")
    )
    text = around.build_path(picture_of(*UP, quic(), relayed))
    assert text == "quic not used: UDP does not pass\ufffd"
    gone = dataclasses.replace(relayed, path=None)
    assert around.build_path(picture_of(*UP, quic(), gone)) == text


@pytest.mark.parametrize("cause", [None, Cause(NOT_TRIED)])
def test_a_quic_that_nothing_is_known_of_is_not_spoken_of(cause: Cause | None) -> None:
    down = dataclasses.replace(quic(path=None), state=LinkState.DOWN, cause=cause)
    assert around.build_path(picture_of(*UP, down)) == ""


def test_header_before_a_link_is_up() -> None:
    trying = link("stdio", LinkState.TRYING, None)
    assert header(picture_of(trying)) == "dev1  ◌ connecting  trying stdio"
    assert header(picture_of()) == "dev1  ◌ connecting"
    assert header(picture_of(link(rtt_ms=None))) == "dev1  ◌ connecting  stdio"


def test_notice_in_other_states() -> None:
    assert around.build_notice(picture_of(*UP), AT) == ""
    assert around.build_notice(picture_of(), AT) == "Reaching dev1..."
    closed = picture_of(session(SessionState.CLOSED, reason="asked to"))
    assert around.build_notice(closed, AT) == "Closed. asked to"
    bare = picture_of(session(SessionState.OUTAGE))
    assert around.build_notice(bare, AT) == (
        "No contact with dev1 for 0 s. Next try now; r tries at once, q quits."
    )


def test_why_a_table_is_empty() -> None:
    assert around.explain_empty(picture_of(), "x", True) == "Nothing contains 'x'. Esc shows all."
    assert around.explain_empty(picture_of(*UP), "", False) == "1 service skipped; s shows them."
    up = picture_of(session(SessionState.UP))
    assert around.explain_empty(up, "", True).startswith("No services yet")
    assert around.explain_empty(picture_of(), "", True) == ""


def test_details_are_all_that_is_known_and_clean() -> None:
    row = Row(service(reason="half"), AT, 2000, 10, 5.0, 0.0, 1, 2, 3)
    assert around.detail_lines(row, AT + 5) == [
        "service    5432/tcp",
        "state      ready for 5 s",
        "reason     half",
        "target     127.0.0.1:5432",
        "here       127.0.0.1:5432, [::1]:5432",
        "process    postgres (pid 812)",
        "user       alice",
        "to target  2.0 kB 5 B/s",
        "from there 10 B",
        "flows      1 open, 2 in all, 3 refused",
    ]
    hostile = Row(service(process=HOSTILE, reason=HOSTILE, container=HOSTILE), AT)
    for line in around.detail_lines(hostile, AT):
        assert line.replace("\ufffd", "").isprintable()


def test_a_process_without_a_name_has_its_number() -> None:
    assert "process    pid 812" in around.detail_lines(Row(service(process=None), AT), AT)


def test_the_header_of_an_outage_counts_from_the_last_contact() -> None:
    picture = Snapshot("dev1")
    picture.fold(session(SessionState.UP, AT))
    picture.fold(
        dataclasses.replace(session(SessionState.OUTAGE, AT + 100, "ssh ended"), silent_s=6.0)
    )
    header = "  ".join(c.text for c in around.build_header(picture, AT + 104, 80, False))
    assert header == "dev1  ○ outage  no contact for 10 s"
    assert "for 10 s (ssh ended)" in around.build_notice(picture, AT + 104)
    picture.fold(session(SessionState.REATTACHED, AT + 110))
    picture.fold(session(SessionState.UP, AT + 110))
    header = "  ".join(c.text for c in around.build_header(picture, AT + 120, 80, False))
    assert header == "dev1  ● up  for 2:00"
