"""The events of a session, in their order and without repetition."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from port_linker import clock
from port_linker.cause import FLOWS_LOST, Cause, explain
from port_linker.link.figures import Figures
from port_linker.session.events import LinkState, SessionEvent
from port_linker.session.reporter import Reporter
from tests.fakes.causes import why


class Told:
    """A reporter and what it told, as (event, state or rtt)."""

    def __init__(self) -> None:
        self.events: list[SessionEvent] = []
        self.reporter = Reporter("dev1", self.events.append)

    def rows(self) -> list[dict[str, Any]]:
        rows = [event.to_json() for event in self.events]
        self.events.clear()
        return rows

    def states(self) -> list[tuple[str, str]]:
        return [(row["event"], row["state"]) for row in self.rows()]


def test_a_session_from_its_first_word_to_its_last() -> None:
    told = Told()
    told.reporter.hello("0.1.0", "s1")
    (hello,) = told.rows()
    assert (hello["event"], hello["version"], hello["session"]) == ("hello", "0.1.0", "s1")
    told.reporter.connecting()
    told.reporter.deploying()
    told.reporter.up(first=True)
    assert told.states() == [
        ("session", "connecting"),
        ("link", "trying"),
        ("session", "deploying"),
        ("session", "up"),
        ("link", "up"),
    ]
    told.reporter.outage(why("the cable"), 0.5)
    told.reporter.stdio_down(why("the cable"))
    outage, link = told.rows()
    assert (outage["state"], outage["reason"], outage["retry_in_s"]) == ("outage", "the cable", 0.5)
    assert (link["state"], link["reason"]) == ("down", "the cable")
    told.reporter.deploying()  # of the next attempt: the outage goes on
    told.reporter.up(first=False)
    told.reporter.closed()
    assert told.states() == [
        ("session", "reattached"),
        ("session", "up"),
        ("link", "up"),
        ("session", "closed"),
    ]


def test_a_new_agent_is_told_as_the_end_of_the_old_flows() -> None:
    told = Told()
    told.reporter.up(first=True)
    told.reporter.up(first=False, resumes=True)
    told.reporter.up(first=False, resumes=False)
    rows = [row for row in told.rows() if row.get("state") == "reattached"]
    assert [row["reason"] for row in rows] == [None, explain(Cause(FLOWS_LOST))]


def test_a_round_trip_is_told_when_it_is_news() -> None:
    told = Told()
    for rtt_s in (0.0100, 0.0105, 0.0124, 0.0200, 0.0004, 0.0009):
        told.reporter.round_trip(rtt_s)
    assert [row["rtt_ms"] for row in told.rows()] == [10.0, 20.0, 0.4]
    told.reporter.up(first=False)
    told.rows()
    told.reporter.round_trip(0.0004)  # a new link: told again
    assert [row["rtt_ms"] for row in told.rows()] == [0.4]


def test_why_ssh_is_gone_outlives_the_figures_of_the_link_that_quic_carries() -> None:
    told = Told()
    told.reporter.up(first=True)
    told.reporter.stdio_carried(why("the cable"), needs_you=True)
    told.reporter.round_trip(0.0004)
    assert [(row["reason"], row["needs_you"]) for row in told.rows()[-2:]] == [
        ("the cable", True),
        ("the cable", True),
    ]
    told.reporter.stdio_up()
    told.reporter.round_trip(0.0400)
    assert [(row["reason"], row["needs_you"]) for row in told.rows()] == [(None, False)] * 2


def test_what_is_measured_in_the_dark_is_no_contact(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    told.reporter.up(first=True)
    told.reporter.figures("quic", Figures(rtt_ms=38.0))
    with monkeypatch.context() as patch:
        patch.setattr(clock, "monotonic_s", lambda: 104.0)
        told.reporter.figures("quic", Figures(rtt_ms=38.5))
        patch.setattr(clock, "monotonic_s", lambda: 110.0)
        told.reporter.figures("quic", Figures(rtt_ms=38.5, up_bytes_per_s=9.0))
        told.reporter.figures("stdio", Figures(up_bytes_per_s=9.0))
        told.reporter.outage(why("the cable"), None)
    assert told.rows()[-1]["silent_s"] == 6.0


def test_figures_of_a_link_are_told_whole_and_when_they_are_news() -> None:
    told = Told()
    told.reporter.link("quic", LinkState.UP, path="192.0.2.7:60000")
    told.reporter.figures("quic", Figures(mtu=1472, rtt_ms=38.0))
    told.reporter.figures("quic", Figures(mtu=1472, rtt_ms=38.5, up_bytes_per_s=10.0))
    told.reporter.figures("quic", Figures(down_bytes_per_s=1e6))
    rows = told.rows()
    assert [(row["path"], row["mtu"], row["rtt_ms"]) for row in rows] == [
        ("192.0.2.7:60000", None, None),
        ("192.0.2.7:60000", 1472, 38.0),
        ("192.0.2.7:60000", 1472, 38.0),
    ]
    assert rows[-1]["down_bytes_per_s"] == 1e6
    told.reporter.link("quic", LinkState.DOWN, why("UDP does not pass"), "ssh")
    told.reporter.figures("quic", Figures(rtt_ms=500.0))
    (down,) = told.rows()
    assert (down["path"], down["mtu"]) == ("ssh", None)


def test_only_warnings_are_shown_and_all_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    told = Told()
    caplog.set_level(logging.DEBUG, logger="port_linker")
    told.reporter.log("warning", "agent", "look here", {"port": 80})
    told.reporter.log("info", "agent", "by the way")
    told.reporter.log("nonsense", "agent", "what level")
    (row,) = told.rows()
    assert (row["level"], row["side"], row["fields"]) == ("warning", "agent", {"port": 80})
    assert [(r.levelname, getattr(r, "side", None)) for r in caplog.records] == [
        ("WARNING", "agent"),
        ("INFO", "agent"),
        ("INFO", "agent"),
    ]


def test_an_outage_says_how_long_nothing_came(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr("port_linker.clock.monotonic_s", lambda: now_s[0])
    told = Told()
    told.reporter.up(first=True)
    now_s[0] = 104.0
    told.reporter.round_trip(0.01)
    now_s[0] = 110.04
    told.reporter.outage(why("no sign of life"), 1.0)
    assert [row.get("silent_s") for row in told.rows() if row.get("state") == "outage"] == [6.0]
