"""Graces end in the order of their ends, and leave nothing behind."""

from __future__ import annotations

from port_linker.binding.graces import Graces
from tests.binding.kit import service

ONE, TWO = (service(f"127.0.0.1:{port}").id for port in (3000, 3001))


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
