"""What a person reads of a link."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from port_linker.link.choose import LinkChooser
from port_linker.session.events import LinkEvent, LinkState, SessionEvent
from port_linker.session.reporter import Reporter
from port_linker.ui import words
from port_linker.ui.link_lines import NO_WHEEL, LinkWriter
from tests.ui.samples import link, quic


def show(writer: LinkWriter, *events: LinkEvent) -> list[str]:
    return [text for event in events for text in writer.describe(event)]


def down(reason: str, path: str | None = None, target: str = "dev1") -> LinkEvent:
    event = link("quic", LinkState.DOWN, None)
    return dataclasses.replace(event, reason=reason, path=path, target=target)


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
    ("reason", "target"),
    [
        (NO_WHEEL, "dev1"),
        (words.NOT_TRIED, "dev1"),
        ("the target was not reached by ssh", "docker:web"),
        ("the target was not reached by ssh", "exec:./reach"),
    ],
)
def test_that_ssh_alone_is_used_is_news_for_the_curious_only(reason: str, target: str) -> None:
    event = down(reason, target=target)
    assert show(LinkWriter(), event) == []
    assert show(LinkWriter(verbosity=1), event) == [f"link quic is down: {reason}"]


def test_what_is_known_before_the_first_attempt_has_one_wording() -> None:
    assert LinkChooser().choose(0.0, is_stdio_up=True).reason == words.NOT_TRIED


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
    reporter.stdio_carried("the cable", needs_you=False)
    reporter.round_trip(0.0004)
    reporter.stdio_up()
    links = [event for event in events if isinstance(event, LinkEvent)]
    assert show(writer, *links) == [
        "ssh is gone (the cable); QUIC carries its link, too",
        "link stdio is up",
    ]


def test_ssh_that_is_gone_is_told_with_what_goes_on_and_whom_it_needs() -> None:
    def gone(**changes: Any) -> LinkEvent:
        return dataclasses.replace(link(), reason="the cable", **changes)

    writer = LinkWriter()
    show(writer, link(), quic())
    carried = "ssh is gone (the cable); QUIC carries its link, too"
    needing = "it needs you and is not tried again by itself"
    assert show(writer, gone(state=LinkState.DOWN), gone(path="quic")) == [carried], "one event"
    refused = dataclasses.replace(gone(path="quic"), reason="refused", needs_you=True)
    assert show(writer, refused, refused) == [
        f"ssh is gone (refused); QUIC carries its link, too; {needing}"
    ]
    dark = gone(state=LinkState.DOWN, needs_you=True)
    assert show(writer, dark) == [f"ssh is gone (the cable); {needing}"]
    assert show(writer, link()) == ["link stdio is up, round trip 0.4 ms"]
