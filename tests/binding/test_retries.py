"""What is tried again, and when."""

from __future__ import annotations

import pytest

from port_linker.binding import retries as retries_module
from port_linker.binding.retries import Retries
from tests.binding.kit import service

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
    monkeypatch.setattr(retries_module, "MAX_RETRIES", 2)
    retries = Retries()
    for id_ in (ONE, TWO, THREE):
        retries.put(id_, 0.0)
    assert retries.pick(0.5) == [ONE, TWO]
    assert retries.pick(1.0) == [THREE, ONE]
