"""Verdicts in words."""

from __future__ import annotations

from port_linker.binding.facts import Outcome, Verdict
from port_linker.binding.rules import parse_maps
from port_linker.binding.shapes import shape_guest, shape_loser, shape_winner
from tests.binding.kit import locals_of, service

ID, OTHER = service("10.0.0.5:80").id, service("127.0.0.1:80").id


def test_a_winner_says_why_its_number_differs() -> None:
    assert shape_winner(80, (4, 6), None) == Verdict(Outcome.BIND, tuple(locals_of(80)))
    (moved,) = parse_maps(["80:8080"])
    assert shape_winner(8080, (4,), moved).reason == "moved by --map 80:8080"


def test_a_loser_names_who_has_its_port() -> None:
    assert (shape_loser(ID, 80, {4: OTHER}).reason or "").startswith("127.0.0.1:80 of the target")
    assert shape_loser(ID, 80, {}).reason == "this machine has no loopback address"


def test_a_guest_names_both_ports() -> None:
    stands_in = shape_guest(80, tuple(locals_of(8080)), is_denied=True)
    assert stands_in.reason == "port 80 needs privilege here, 8080 stands in"
    assert shape_guest(80, tuple(locals_of(8080)), is_denied=False).is_remapped
    assert shape_guest(80, (), is_denied=False).outcome is Outcome.LOST
