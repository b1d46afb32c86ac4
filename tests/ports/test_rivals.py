"""Which service of one port gets which local family."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.model import Proto, Service, ServiceId
from port_linker.ports.rivals import Member, place_guest, place_loser, place_winner, plan_families
from port_linker.ports.rules import PortMap, parse_maps
from port_linker.ports.services import rank_address
from port_linker.ports.types import Outcome, Placement
from tests.ports.kit import locals_of, service

MAP = PortMap(8080, 80, Proto.TCP)


def member(host: str, port: int = 80, **more: Any) -> Member:
    return Member(Service(ServiceId(Proto.TCP, host, port), uid=0), 80, **more)


def winners(*hosts: str, families: tuple[int, ...] = (4, 6)) -> dict[int, str]:
    members = [member(host) for host in hosts]
    return {family: id_.host for family, id_ in plan_families(members, families).items()}


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
    mapped = member("10.0.0.5", 8080, map=MAP)
    own = member("::1")
    assert plan_families([own, mapped], (4, 6)) == {4: mapped.service.id, 6: mapped.service.id}


def test_who_is_there_goes_before_who_may_come_back() -> None:
    absent = member("127.0.0.1", is_present=False)
    there = member("10.0.0.5")
    assert plan_families([absent, there], (4, 6)) == {4: there.service.id, 6: there.service.id}
    assert plan_families([absent], (4,)) == {4: absent.service.id}


def test_places() -> None:
    assert rank_address("127.9.9.9") == (4, 0)
    assert rank_address("::ffff:0.0.0.0") == (4, 1)
    assert rank_address("fe80::1") == (6, 2)


HOSTS = st.sampled_from(["127.0.0.1", "::1", "0.0.0.0", "::", "10.0.0.5", "fd00::5", "127.0.0.2"])


@given(st.sets(HOSTS, min_size=1))
def test_every_family_is_served_by_the_best_of_its_own(hosts: set[str]) -> None:
    for family, host in winners(*hosts).items():
        own = [one for one in hosts if rank_address(one)[0] == family]
        assert rank_address(host)[0] == family or not own
        assert all(rank_address(host)[1] <= rank_address(one)[1] for one in own or hosts)


def test_it_competes_for_the_port_that_it_wants() -> None:
    assert Member(service("udp/127.0.0.1:53"), 5353, None).group == (Proto.UDP, 5353)


ID, OTHER = service("10.0.0.5:80").id, service("127.0.0.1:80").id


def test_a_winner_says_why_its_number_differs() -> None:
    assert place_winner(80, (4, 6), None) == Placement(Outcome.BIND, tuple(locals_of(80)))
    (moved,) = parse_maps(["80:8080"])
    assert place_winner(8080, (4,), moved).reason == "moved by --map 80:8080"


def test_a_loser_names_who_has_its_port() -> None:
    assert (place_loser(ID, 80, {4: OTHER}).reason or "").startswith("127.0.0.1:80 of the target")
    assert place_loser(ID, 80, {}).reason == "this machine has no loopback address"


def test_a_guest_names_both_ports() -> None:
    stands_in = place_guest(80, tuple(locals_of(8080)), is_denied=True)
    assert stands_in.reason == "port 80 needs privilege here, 8080 stands in"
    assert place_guest(80, tuple(locals_of(8080)), is_denied=False).is_remapped
    assert place_guest(80, (), is_denied=False).outcome is Outcome.LOST
