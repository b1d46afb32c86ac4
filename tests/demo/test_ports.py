"""Ports are free ones, without privilege, outside the ephemeral range while there are such."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from port_linker.demo.ports import FIRST, candidate_ports, choose_ports


def test_the_usual_machine_gets_18080_and_its_neighbours() -> None:
    candidates = candidate_ports((32768, 60999), 1024)
    assert choose_ports(candidates, 4, lambda _: True) == (18080, 18081, 18082, 18083)


def test_ports_that_are_taken_are_left_out() -> None:
    candidates = candidate_ports((32768, 60999), 1024)
    taken = {18080, 18082}
    assert choose_ports(candidates, 2, lambda port: port not in taken) == (18081, 18083)


def test_a_wide_ephemeral_range_moves_them_below_it() -> None:
    assert next(candidate_ports((10_000, 65_535), 1024)) == 1024


def test_a_range_that_covers_all_is_used_at_last() -> None:
    ports = candidate_ports((1024, 65_535), 1024)
    assert choose_ports(ports, 3, lambda _: True) == (1024, 1025, 1026)


def test_fewer_come_back_where_there_are_no_more() -> None:
    assert choose_ports(iter([1, 1, 2]), 3, lambda _: True) == (1, 2)


@settings(max_examples=20)  # each one lists 64,000 ports
@given(st.integers(1024, 65_535), st.integers(0, 65_535), st.integers(0, 30_000))
def test_every_candidate_may_be_bound_and_the_ephemeral_ones_come_last(
    low: int, width: int, start: int
) -> None:
    high = min(low + width, 65_535)
    ports = list(candidate_ports((low, high), start))
    assert all(max(1024, start) <= port <= 65_535 for port in ports if port >= FIRST + 1000)
    assert all(port >= start for port in ports)
    inside = [low <= port <= high for port in ports]
    assert inside == sorted(inside)
    assert set(ports) >= set(range(max(1024, start), 65_536))
