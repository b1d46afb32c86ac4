"""What is tried again, and when."""

from __future__ import annotations

import pytest

from port_linker.ports import timers
from port_linker.ports.timers import Graces, Retries
from tests.ports.kit import service

ONE, TWO, THREE = (service(f"127.0.0.1:{port}").id for port in (3000, 3001, 3002))


def test_a_service_is_due_every_half_second_until_it_is_dropped() -> None:
    retries = Retries()
    retries.put(ONE, 0.0)
    assert (retries.next_due(), retries.pick(0.4)) == (0.5, [])
    assert retries.pick(0.5) == [ONE]
    assert retries.next_due() == 1.0
    retries.drop(ONE)
    assert retries.pick(1.0) == []
    assert retries.next_due() is None


def test_what_we_close_ourselves_is_due_in_a_moment_and_once() -> None:
    retries = Retries()
    retries.put_soon(ONE, 1.0)
    assert retries.is_soon(ONE)
    due = retries.next_due()
    assert due == pytest.approx(1.05)
    assert retries.pick(1.06) == [ONE]
    assert not retries.is_soon(ONE)
    assert retries.next_due() is None


def test_a_bounded_number_is_picked_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "MAX_RETRIES", 2)
    retries = Retries()
    for id_ in (ONE, TWO, THREE):
        retries.put(id_, 0.0)
    assert retries.pick(0.5) == [ONE, TWO]
    assert retries.pick(1.0) == [THREE, ONE]


def test_a_long_grace_does_not_delay_a_short_one() -> None:
    graces = Graces()
    graces.put(ONE, 10.0)
    graces.put(TWO, 2.0)
    assert graces.waiting() == [ONE, TWO]
    assert graces.next_end() == 2.0
    assert graces.ended(1.9) == []
    assert graces.ended(2.0) == [TWO]
    assert graces.next_end() == 10.0
    assert graces.ended(99.0) == [ONE]
    assert graces.next_end() is None


def test_what_comes_back_has_no_end() -> None:
    graces = Graces()
    graces.put(ONE, 1.0)
    graces.drop(ONE)
    assert graces.next_end() is None
    graces.put(ONE, 5.0)
    graces.put(ONE, 7.0)
    assert (graces.ended(6.0), graces.next_end()) == ([], 7.0)
