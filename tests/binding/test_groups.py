"""Where services would be bound: groups are apart, and owners are remembered."""

from __future__ import annotations

from port_linker.binding.facts import LocalFacts, Outcome, TargetFacts
from port_linker.binding.groups import Groups
from tests.binding.kit import ALICE, BOB, FACTS, TARGET, options, service


def test_a_change_touches_its_own_group_only() -> None:
    groups = Groups(options(), FACTS, {})
    groups.set_target(TARGET)
    for port in (3000, 3001):
        groups.put(service(f"127.0.0.1:{port}"))
    assert len(groups.reshape()) == 2
    groups.put(service("tcp/[::1]:3000"))
    assert {id_.port for id_ in groups.reshape()} == {3000}


def test_the_same_target_again_changes_nothing_another_one_may() -> None:
    groups = Groups(options(), FACTS, {})
    groups.set_target(TARGET)
    groups.put(service("127.0.0.1:3000"))
    groups.reshape()
    groups.set_target(TARGET)
    assert groups.reshape() == {}
    groups.set_target(TargetFacts(login_uid=BOB))
    (shape,) = groups.reshape().values()
    assert shape.outcome is Outcome.SKIPPED


def test_beside_the_owner_a_person_who_would_be_left_out_is_left_out() -> None:
    groups = Groups(options(), FACTS, {})
    groups.set_target(TARGET)
    groups.put(service("127.0.0.1:3000", ALICE))
    groups.reshape()
    bobs = service("tcp/[::1]:3000", BOB)
    groups.put(bobs)
    shape = groups.reshape()[bobs.id]
    assert shape.outcome is Outcome.SKIPPED
    assert (shape.reason or "").startswith("belongs to bob")
    assert groups.has_other_owner(bobs.id)


def test_a_denied_port_stays_denied_for_the_next_service() -> None:
    groups = Groups(options(), LocalFacts(unprivileged_start=0), {})
    groups.set_target(TARGET)
    first, second = service("127.0.0.1:80"), service("0.0.0.0:80")
    groups.put(first)
    groups.deny(first.id)
    assert groups.reshape()[first.id].locals[0].port == 8080
    groups.drop(first.id)
    groups.put(second)
    assert groups.reshape()[second.id].locals[0].port == 8080


def test_nowhere_to_go_is_said() -> None:
    groups = Groups(options(), LocalFacts(unprivileged_start=65_536), {})
    groups.set_target(TARGET)
    web = service("127.0.0.1:3000")
    groups.put(web)
    shape = groups.reshape()[web.id]
    assert shape.outcome is Outcome.LOST
    assert shape.reason == "port 3000 cannot be had here, nor any that could stand in for it"
