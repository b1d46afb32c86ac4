"""Which service of one port gets which local family."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.binding.families import Candidate, place, plan_families
from port_linker.model import Proto, ServiceId


def winners(*hosts: str, families: tuple[int, ...] = (4, 6)) -> dict[int, str]:
    candidates = [Candidate(ServiceId(Proto.TCP, host, 80)) for host in hosts]
    return {family: id_.host for family, id_ in plan_families(candidates, families).items()}


@pytest.mark.parametrize(
    ("hosts", "v4", "v6"),
    [
        (["127.0.0.1"], "127.0.0.1", "127.0.0.1"),
        (["::1"], "::1", "::1"),
        (["::"], "::", "::"),
        (["127.0.0.1", "::1"], "127.0.0.1", "::1"),
        (["0.0.0.0", "::"], "0.0.0.0", "::"),
        (["0.0.0.0", "127.0.0.1"], "127.0.0.1", "127.0.0.1"),
        (["10.0.0.5", "0.0.0.0"], "0.0.0.0", "0.0.0.0"),
        (["10.0.0.5", "127.0.0.1"], "127.0.0.1", "127.0.0.1"),
        (["127.0.0.1", "::"], "127.0.0.1", "::"),
        (["::1", "0.0.0.0"], "0.0.0.0", "::1"),
        (["10.0.0.5", "::1"], "10.0.0.5", "::1"),
        (["127.0.0.53", "127.0.0.1"], "127.0.0.1", "127.0.0.1"),
        (["::ffff:127.0.0.1", "::1"], "::ffff:127.0.0.1", "::1"),
    ],
)
def test_each_family_takes_its_own(hosts: list[str], v4: str, v6: str) -> None:
    assert winners(*hosts) == {4: v4, 6: v6}
    assert winners(*reversed(hosts)) == {4: v4, 6: v6}, "whatever the order"


def test_a_machine_without_ipv6_has_one_family() -> None:
    assert winners("::1", families=(4,)) == {4: "::1"}
    assert winners("127.0.0.1", "::1", families=(4,)) == {4: "127.0.0.1"}


def test_nobody_wins_nothing() -> None:
    assert winners() == {}
    assert winners("::1", families=()) == {}


def test_a_mapped_service_goes_before_all_others() -> None:
    mapped = Candidate(ServiceId(Proto.TCP, "10.0.0.5", 8080), is_mapped=True)
    own = Candidate(ServiceId(Proto.TCP, "::1", 80))
    assert plan_families([own, mapped], (4, 6)) == {4: mapped.id, 6: mapped.id}


def test_who_is_there_goes_before_who_may_come_back() -> None:
    absent = Candidate(ServiceId(Proto.TCP, "127.0.0.1", 80), is_present=False)
    there = Candidate(ServiceId(Proto.TCP, "10.0.0.5", 80))
    assert plan_families([absent, there], (4, 6)) == {4: there.id, 6: there.id}
    assert plan_families([absent], (4,)) == {4: absent.id}


def test_places() -> None:
    assert place("127.9.9.9") == (4, 0)
    assert place("::ffff:0.0.0.0") == (4, 1)
    assert place("fe80::1") == (6, 2)


HOSTS = st.sampled_from(["127.0.0.1", "::1", "0.0.0.0", "::", "10.0.0.5", "fd00::5", "127.0.0.2"])


@given(st.sets(HOSTS, min_size=1))
def test_every_family_is_served_by_the_best_of_its_own(hosts: set[str]) -> None:
    for family, host in winners(*hosts).items():
        own = [one for one in hosts if place(one)[0] == family]
        assert place(host)[0] == family or not own
        assert all(place(host)[1] <= place(one)[1] for one in own or hosts)
