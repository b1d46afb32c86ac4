"""How ssh stands while it is gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from port_linker.session.events import LinkState, SessionState
from port_linker.session.snapshot import Snapshot
from port_linker.ui import keys, sentences, ssh_words
from tests.ui import samples


def picture(state: LinkState, path: str | None = None, needs_you: bool = False) -> Snapshot:
    """A session that was up, whose QUIC is well."""
    found = Snapshot("dev1")
    for event in (samples.session(SessionState.UP), samples.link(), samples.quic()):
        found.fold(event)
    stdio = replace(samples.link(state=state), path=path, reason="gone", needs_you=needs_you)
    found.fold(stdio)
    return found


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (picture(LinkState.UP), ""),
        (picture(LinkState.DOWN), "ssh down"),
        (picture(LinkState.UP, "quic"), "ssh over quic"),
        (picture(LinkState.DOWN, needs_you=True), ssh_words.NEEDS_YOU),
        (picture(LinkState.UP, "quic", needs_you=True), ssh_words.NEEDS_YOU),
    ],
)
def test_the_header_says_how_ssh_stands(found: Snapshot, words: str) -> None:
    assert ssh_words.tell_gone(found) == words
    header = [cell.text for cell in sentences.build_header(found, 0.0, 80, False)]
    assert header[1] == "● up"
    assert (header[2] == words) if words else header[2].startswith("quic")
    is_gone = ssh_words.is_gone(found)
    assert (keys.why_disabled("reconnect", found.state, is_gone) is None) is is_gone


def test_ssh_that_is_back_is_well_again() -> None:
    found = picture(LinkState.UP, "quic", needs_you=True)
    found.fold(samples.link())
    assert ssh_words.tell_gone(found) == ""
    assert sentences.build_notice(found, 0.0) == ""


def test_the_notice_says_what_to_press_and_why() -> None:
    found = picture(LinkState.DOWN, needs_you=True)
    assert sentences.build_notice(found, 0.0) == "ssh needs you: press r (gone)."
    found.fold(samples.session(SessionState.OUTAGE, reason="gone"))
    assert "ssh needs you: press r, q quits." in sentences.build_notice(found, 0.0)
    assert "Next try" not in sentences.build_notice(found, 0.0)
