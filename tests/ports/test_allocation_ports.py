"""Which port stands in for another."""

from __future__ import annotations

from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from port_linker.ports.allocation import remap_candidates

RANGE = (32768, 60999)


def first(port: int, count: int, remembered: int | None = None) -> list[int]:
    return list(islice(remap_candidates(port, remembered, 1024, RANGE), count))


def test_the_numbers_that_people_expect() -> None:
    assert first(80, 3) == [8080, 18080, 28080]
    assert first(443, 3) == [8443, 18443, 28443]
    assert 38443 not in first(443, 1000), "a number that any program may be given by chance"


def test_what_stood_in_before_comes_first() -> None:
    assert first(80, 3, remembered=18080) == [18080, 8080, 28080]
    assert first(80, 2, remembered=40000) == [40000, 8080], "it was good enough before"
    assert first(80, 2, remembered=80) == [8080, 18080]


def test_high_ports_find_room_below() -> None:
    assert all(1024 <= port < RANGE[0] for port in first(65000, 5))


@settings(max_examples=25)
@given(st.integers(1, 65535), st.none() | st.integers(1, 65535))
def test_every_port_is_unprivileged_quiet_and_named_once(port: int, remembered: int | None) -> None:
    ports = first(port, 70_000, remembered)
    assert len(ports) == len(set(ports)) > 30_000
    assert port not in ports
    assert all(1024 <= one <= 65535 for one in ports)
    assert all(one == remembered or not RANGE[0] <= one <= RANGE[1] for one in ports)
