"""Where services would be bound: placements are apart, and owners are remembered."""

from __future__ import annotations

from port_linker.ports.placement import Placements
from port_linker.ports.types import LocalFacts, Outcome, TargetFacts
from tests.ports.kit import ALICE, BOB, FACTS, TARGET, options, service


def test_a_change_touches_its_own_group_only() -> None:
    placements = Placements(options(), FACTS, {})
    placements.set_target(TARGET)
    for port in (3000, 3001):
        placements.put(service(f"127.0.0.1:{port}"))
    assert len(placements.replan()) == 2
    placements.put(service("tcp/[::1]:3000"))
    assert {id_.port for id_ in placements.replan()} == {3000}


def test_the_same_target_again_changes_nothing_another_one_may() -> None:
    placements = Placements(options(), FACTS, {})
    placements.set_target(TARGET)
    placements.put(service("127.0.0.1:3000"))
    placements.replan()
    placements.set_target(TARGET)
    assert placements.replan() == {}
    placements.set_target(TargetFacts(login_uid=BOB))
    (shape,) = placements.replan().values()
    assert shape.outcome is Outcome.SKIPPED


def test_beside_the_owner_a_person_who_would_be_left_out_is_left_out() -> None:
    placements = Placements(options(), FACTS, {})
    placements.set_target(TARGET)
    placements.put(service("127.0.0.1:3000", ALICE))
    placements.replan()
    bobs = service("tcp/[::1]:3000", BOB)
    placements.put(bobs)
    shape = placements.replan()[bobs.id]
    assert shape.outcome is Outcome.SKIPPED
    assert (shape.reason or "").startswith("belongs to bob")
    assert placements.has_other_owner(bobs.id)


def test_a_denied_port_stays_denied_for_the_next_service() -> None:
    placements = Placements(options(), LocalFacts(unprivileged_start=0), {})
    placements.set_target(TARGET)
    first, second = service("127.0.0.1:80"), service("0.0.0.0:80")
    placements.put(first)
    placements.deny(first.id)
    assert placements.replan()[first.id].locals[0].port == 8080
    placements.drop(first.id)
    placements.put(second)
    assert placements.replan()[second.id].locals[0].port == 8080


def test_nowhere_to_go_is_said() -> None:
    placements = Placements(options(), LocalFacts(unprivileged_start=65_536), {})
    placements.set_target(TARGET)
    web = service("127.0.0.1:3000")
    placements.put(web)
    shape = placements.replan()[web.id]
    assert shape.outcome is Outcome.LOST
    assert shape.reason == "port 3000 cannot be had here, nor any that could stand in for it"
