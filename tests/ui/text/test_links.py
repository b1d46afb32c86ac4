"""What a person reads of the links, and of ssh while it is gone."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from port_linker.cause import NO_TUNNEL, NOT_TRIED, Cause, explain
from port_linker.link.choose import LinkChooser
from port_linker.session.events import LinkEvent, LinkState, SessionEvent, SessionState
from port_linker.session.reporter import Reporter
from port_linker.session.snapshot import Snapshot
from port_linker.ui.text import around, keys, links
from port_linker.ui.text.links import LinkWriter
from tests.fakes.causes import why
from tests.ui.samples import link, quic, session


def show(writer: LinkWriter, *events: LinkEvent) -> list[str]:
    return [text for event in events for text in writer.describe(event)]


def down(reason: str | Cause, path: str | None = None, target: str = "dev1") -> LinkEvent:
    event = link("quic", LinkState.DOWN, None)
    cause = why(reason) if isinstance(reason, str) else reason
    return dataclasses.replace(event, cause=cause, path=path, target=target)


def test_a_link_tells_its_path_and_its_figures_once() -> None:
    up = quic(rtt_ms=None, mtu=None, loss_percent=None)
    busy = quic(down_bytes_per_s=11.8e6)
    told = [
        "link quic is up, UDP 192.0.2.7:60000",
        "link quic: UDP 192.0.2.7:60000, MTU 1472, round trip 38 ms, 0.4 % lost",
    ]
    assert show(LinkWriter(), up, quic(), busy) == told
    assert show(LinkWriter(verbosity=1), up, quic(), busy) == [
        *told,
        f"{told[1]}, 12 MB/s down",
    ]
    moved = quic(path="192.0.2.8:60000")
    assert show(LinkWriter(), quic(), moved)[-1].startswith("link quic: UDP 192.0.2.8:60000, MTU")


@pytest.mark.parametrize("verbosity", [0, 1])
def test_a_quic_that_does_not_come_about_is_told_once(verbosity: int) -> None:
    trying = link("quic", LinkState.TRYING, None)
    first, second = down("no address of the target answers over UDP"), down("the handshake failed")
    told = show(LinkWriter(verbosity), trying, first, first, second)
    assert [text for text in told if "everything" in text] == [
        "QUIC is not used: no address of the target answers over UDP; everything goes over ssh"
    ]
    assert len(told) == (1 if verbosity == 0 else 3)


@pytest.mark.parametrize(
    ("cause", "target"),
    [
        (Cause(NO_TUNNEL), "dev1"),
        (Cause(NOT_TRIED), "dev1"),
        (why("the target was not reached by ssh"), "docker:web"),
        (why("the target was not reached by ssh"), "exec:./reach"),
    ],
)
def test_that_ssh_alone_is_used_is_news_for_the_curious_only(cause: Cause, target: str) -> None:
    event = down(cause, target=target)
    assert show(LinkWriter(), event) == []
    assert show(LinkWriter(verbosity=1), event) == [f"link quic is down: {explain(cause)}"]


def test_what_is_known_before_the_first_attempt_has_one_wording() -> None:
    assert LinkChooser().choose(0.0, is_stdio_up=True).cause == Cause(NOT_TRIED)


def test_darkness_that_flows_outlive_is_not_an_end() -> None:
    relayed = down("UDP does not pass; open flows go over ssh", "ssh")
    assert show(LinkWriter(), quic(), relayed)[1:] == [
        "link quic is down: UDP does not pass; open flows go over ssh"
    ]


def test_an_end_says_what_became_of_the_connections() -> None:
    died = down("on the target: the sidecar ended by itself")
    told = (
        "QUIC stopped (on the target: the sidecar ended by itself);"
        " its connections were reset, new ones go over ssh"
    )
    assert show(LinkWriter(), quic(), died, down("the handshake failed"))[1:] == [told]
    dark = down("UDP does not answer", "192.0.2.7:60000")
    assert show(LinkWriter(), quic(), dark, died)[-1] == told


def test_new_connections_wait_while_there_is_no_link_at_all() -> None:
    lost = link(state=LinkState.DOWN, rtt_ms=None)
    told = show(LinkWriter(), quic(), lost, down("the QUIC connection broke"))
    assert len(told) == 2
    assert told[-1].endswith("its connections were reset, new ones wait")


def test_figures_of_a_carried_link_say_nothing_and_its_return_is_told() -> None:
    writer, events = LinkWriter(), list[SessionEvent]()
    reporter = Reporter("dev1", events.append)
    reporter.stdio_carried(why("the cable"), needs_you=False)
    reporter.round_trip(0.0004)
    reporter.stdio_up()
    told = [event for event in events if isinstance(event, LinkEvent)]
    assert show(writer, *told) == [
        "ssh is gone (the cable); QUIC carries its link, too",
        "link stdio is up",
    ]


def test_ssh_that_is_gone_is_told_with_what_goes_on_and_whom_it_needs() -> None:
    def gone(**changes: Any) -> LinkEvent:
        return dataclasses.replace(link(), cause=why("the cable"), **changes)

    writer = LinkWriter()
    show(writer, link(), quic())
    carried = "ssh is gone (the cable); QUIC carries its link, too"
    needing = "it needs you and is not tried again by itself"
    assert show(writer, gone(state=LinkState.DOWN), gone(path="quic")) == [carried], "one event"
    refused = dataclasses.replace(gone(path="quic"), cause=why("refused"), needs_you=True)
    assert show(writer, refused, refused) == [
        f"ssh is gone (refused); QUIC carries its link, too; {needing}"
    ]
    dark = gone(state=LinkState.DOWN, needs_you=True)
    assert show(writer, dark) == [f"ssh is gone (the cable); {needing}"]
    assert show(writer, link()) == ["link stdio is up, round trip 0.4 ms"]


def test_a_path_over_ssh() -> None:
    assert links.describe_path(quic(path="ssh", mtu=None, loss_percent=None)) == [
        "over ssh",
        "round trip 38 ms",
    ]


def picture(state: LinkState, path: str | None = None, needs_you: bool = False) -> Snapshot:
    """A session that was up, whose QUIC is well."""
    found = Snapshot("dev1")
    for event in (session(SessionState.UP), link(), quic()):
        found.fold(event)
    stdio = dataclasses.replace(
        link(state=state), path=path, cause=why("gone"), needs_you=needs_you
    )
    found.fold(stdio)
    return found


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (picture(LinkState.UP), ""),
        (picture(LinkState.DOWN), "ssh down"),
        (picture(LinkState.UP, "quic"), "ssh over quic"),
        (picture(LinkState.DOWN, needs_you=True), links.NEEDS_YOU),
        (picture(LinkState.UP, "quic", needs_you=True), links.NEEDS_YOU),
    ],
)
def test_the_header_says_how_ssh_stands(found: Snapshot, words: str) -> None:
    assert links.tell_gone(found) == words
    header = [cell.text for cell in around.build_header(found, 0.0, 80, False)]
    assert header[1] == "● up"
    assert (header[2] == words) if words else header[2].startswith("quic")
    is_gone = links.is_gone(found)
    assert (keys.why_disabled("reconnect", found.state, is_gone) is None) is is_gone


def test_ssh_that_is_back_is_well_again() -> None:
    found = picture(LinkState.UP, "quic", needs_you=True)
    found.fold(link())
    assert links.tell_gone(found) == ""
    assert around.build_notice(found, 0.0) == ""


def test_the_notice_says_what_to_press_and_why() -> None:
    found = picture(LinkState.DOWN, needs_you=True)
    assert around.build_notice(found, 0.0) == "ssh needs you: press r (gone)."
    found.fold(session(SessionState.OUTAGE, reason="gone"))
    assert "ssh needs you: press r, q quits." in around.build_notice(found, 0.0)
    assert "Next try" not in around.build_notice(found, 0.0)
