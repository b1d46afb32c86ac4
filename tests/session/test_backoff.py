"""Delays between attempts."""

from __future__ import annotations

from port_linker.session.backoff import DELAYS_S, PAUSE_S, Backoff


def test_delays_grow_to_fifteen_seconds_and_begin_anew() -> None:
    backoff = Backoff()
    assert [backoff.next_delay_s() for _ in range(9)] == [*DELAYS_S, 15.0, 15.0]
    backoff.reset()
    assert backoff.next_delay_s() == 0.0


def test_what_the_last_attempt_took_is_part_of_the_delay() -> None:
    backoff = Backoff()
    taken = [backoff.next_delay_s(spent_s=6.0) for _ in DELAYS_S]
    assert taken == [0.0, PAUSE_S, PAUSE_S, PAUSE_S, PAUSE_S, 2.0, 9.0]
