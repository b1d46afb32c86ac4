"""Transcripts: what is known of QUIC, and which link new flows take then."""

from __future__ import annotations

from port_linker.cause import RELAYED, SILENT, Cause
from port_linker.link.choose import CALM_S, MAX_WELL_S, WELL_S, Choice, LinkChooser
from port_linker.link.interface import LinkKind
from tests.fakes.causes import why

STDIO, QUIC = LinkKind.STDIO, LinkKind.QUIC


def kind(chooser: LinkChooser, now: float, *, is_stdio_up: bool = True) -> LinkKind:
    return chooser.choose(now, is_stdio_up=is_stdio_up).kind


def test_stdio_until_quic_has_answered_then_quic_at_once() -> None:
    chooser = LinkChooser()
    assert kind(chooser, 0.0) is STDIO
    chooser.connected(1.0)
    assert chooser.choose(1.0, is_stdio_up=True).kind is QUIC
    assert chooser.choose(1.0, is_stdio_up=True).cause is None


def test_silence_moves_new_flows_at_once_and_says_why() -> None:
    chooser = LinkChooser()
    chooser.connected(0.0)
    chooser.quiet(10.0)
    choice = chooser.choose(10.0, is_stdio_up=True)
    assert choice == Choice(STDIO, Cause(SILENT))


def test_after_trouble_it_must_be_well_for_a_while() -> None:
    chooser = LinkChooser()
    chooser.connected(0.0)
    chooser.quiet(10.0)
    chooser.heard(12.0)
    assert kind(chooser, 12.0) is STDIO
    assert kind(chooser, 12.0 + WELL_S) is QUIC


def test_without_ssh_nobody_waits_for_a_while() -> None:
    chooser = LinkChooser()
    chooser.connected(0.0)
    chooser.quiet(10.0)
    chooser.heard(12.0)
    assert kind(chooser, 12.0, is_stdio_up=False) is QUIC


def test_what_is_heard_by_the_last_resort_is_no_reason_to_go_back() -> None:
    chooser = LinkChooser()
    chooser.connected(0.0)
    chooser.quiet(10.0)
    chooser.path_changed(True, 10.0, is_stdio_up=True)
    chooser.heard(10.3)
    choice = chooser.choose(100.0, is_stdio_up=True)
    assert choice.kind is STDIO
    assert choice.cause == Cause(RELAYED)
    chooser.path_changed(False, 100.0, is_stdio_up=True)
    assert kind(chooser, 100.0 + WELL_S) is QUIC


def test_a_path_that_flaps_is_trusted_later_each_time() -> None:
    chooser = LinkChooser()
    chooser.connected(0.0)
    now, waits = 10.0, []
    for _ in range(8):
        chooser.quiet(now)
        chooser.heard(now)
        wait = next(s for s in range(1, 1000) if kind(chooser, now + s) is QUIC)
        waits.append(wait)
        now += wait
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    assert waits[-1] == MAX_WELL_S


def test_after_calm_the_first_wait_counts_again() -> None:
    chooser = LinkChooser()
    chooser.connected(0.0)
    for now in (10.0, 20.0):
        chooser.quiet(now)
        chooser.heard(now)
    chooser.quiet(20.0 + CALM_S)
    chooser.heard(20.0 + CALM_S)
    assert kind(chooser, 20.0 + CALM_S + WELL_S) is QUIC


def test_the_end_is_trouble_with_its_own_reason() -> None:
    chooser = LinkChooser()
    chooser.connected(0.0)
    chooser.ended(why("the target's sidecar has ended"))
    assert chooser.choose(5.0, is_stdio_up=True).cause == why("the target's sidecar has ended")
    chooser.connected(6.0)
    assert kind(chooser, 6.0) is QUIC  # the retry has waited already


def test_udp_for_want_of_ssh_is_no_answer() -> None:
    chooser = LinkChooser()
    chooser.connected(0.0)
    chooser.quiet(10.0)
    chooser.path_changed(True, 10.0, is_stdio_up=True)
    chooser.path_changed(False, 12.0, is_stdio_up=False)
    choice = chooser.choose(100.0, is_stdio_up=False)
    assert choice == Choice(STDIO, Cause(SILENT))
    chooser.heard(100.0)
    assert kind(chooser, 100.0, is_stdio_up=False) is QUIC


def test_what_the_target_says_of_its_packets_counts_as_well() -> None:
    chooser = LinkChooser()
    chooser.connected(0.0)
    chooser.quiet(10.0, is_peers=True)
    assert chooser.choose(10.0, is_stdio_up=True).cause == Cause(SILENT)
    chooser.quiet(10.1)
    chooser.heard(11.0, is_peers=True)
    assert kind(chooser, 100.0) is STDIO  # ours still lack acknowledgements
    chooser.heard(100.0)
    assert kind(chooser, 100.0 + WELL_S) is QUIC


def test_a_way_that_is_silent_itself_is_not_trusted_for_being_udp() -> None:
    chooser = LinkChooser()
    chooser.connected(0.0)
    chooser.quiet(10.0)
    chooser.path_changed(True, 10.0, is_stdio_up=True)
    chooser.path_changed(False, 12.0, is_stdio_up=True)  # the relay never answered
    assert kind(chooser, 100.0) is STDIO
    chooser.heard(100.0)
    assert kind(chooser, 100.0 + WELL_S) is QUIC


def test_an_attempt_that_fails_is_told() -> None:
    chooser = LinkChooser()
    chooser.ended(why("no address answers"))
    assert chooser.choose(1.0, is_stdio_up=True).cause == why("no address answers")
