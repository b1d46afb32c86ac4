"""What is left out without being asked, and the sentence that says why."""

from __future__ import annotations

from typing import Any

import pytest

from port_linker.ports.policy import Skip, SkipRules
from port_linker.ports.types import LocalFacts, TargetFacts
from tests.ports.kit import ALICE, BOB, TARGET, options, service


def skip_of(key: str, owners: dict[int, str] | None = None, **how: Any) -> Skip | None:
    who = how.pop("service", {})
    allowed = how.pop("allowed", False)
    target = how.pop("target", TARGET)
    one = service(key, **who)
    rules = SkipRules(options(**how), LocalFacts(), target)
    return rules.explain_skip(one, one.id.port, owners or {}, allowed)


def reason_of(key: str, owners: dict[int, str] | None = None, **how: Any) -> str:
    skip = skip_of(key, owners, **how)
    assert skip is not None
    return skip.reason


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("0.0.0.0:22", "ssh of the target itself"),
        ("0.0.0.0:2222", "the port that ssh came in on"),
        ("udp/0.0.0.0:53", "DNS"),
        ("udp/0.0.0.0:67", "DHCP"),
        ("udp/0.0.0.0:68", "DHCP"),
        ("udp/0.0.0.0:123", "NTP"),
        ("udp/127.0.0.1:323", "chrony"),
        ("udp/0.0.0.0:5353", "multicast DNS"),
        ("udp/[::]:5355", "LLMNR"),
        ("tcp/127.0.0.53:53", "DNS"),
        ("udp/0.0.0.0:45000", "target's ephemeral range (32768-60999)"),
    ],
)
def test_noise_is_muted_and_allow_lifts_it(key: str, reason: str) -> None:
    port = service(key).id.port
    assert reason in reason_of(key)
    assert f"--allow {port}" in reason_of(key)
    assert skip_of(key, allow=str(port)) is None
    assert reason in reason_of(key, only=str(port)), "--only does not lift a mute"


@pytest.mark.parametrize(
    "key", ["udp/0.0.0.0:22", "tcp/0.0.0.0:53", "tcp/127.0.0.1:5353", "udp/127.0.0.1:6000"]
)
def test_the_same_number_elsewhere_is_not_muted(key: str) -> None:
    assert skip_of(key) is None


def test_passing_udp_sockets_are_those_on_every_address() -> None:
    target = TargetFacts(ALICE, (20000, 30000), None)
    assert "20000-30000" in reason_of("udp/[::]:20000", target=target)
    assert skip_of("udp/127.0.0.1:20000", target=target) is None


@pytest.mark.parametrize("name", ["port-linker", "port-linker-tunnel", "port-linker-tun"])
def test_our_own_sockets_are_left_out(name: str) -> None:
    assert "port-linker itself" in reason_of("127.0.0.1:8080", service={"process": name})


def test_the_services_of_other_people_are_left_out() -> None:
    reason = reason_of("127.0.0.1:8080", service={"uid": BOB})
    assert reason.startswith("belongs to bob")
    assert "belongs to uid 1777" in reason_of("127.0.0.1:8080", service={"uid": 1777})
    assert skip_of("127.0.0.1:8080", service={"uid": BOB}, all_users=True) is None
    assert skip_of("127.0.0.1:8080", service={"uid": BOB}, allow="8080") is None


@pytest.mark.parametrize("uid", [ALICE, 0, 33, 999, 65534])
def test_the_login_user_and_the_system_are_mirrored(uid: int) -> None:
    assert skip_of("127.0.0.1:8080", service={"uid": uid}) is None


def test_containers_are_mirrored_whatever_their_uid() -> None:
    assert skip_of("127.0.0.1:8080", service={"uid": 100999, "container": "web"}) is None


def test_before_the_target_has_said_who_logged_in_people_are_left_out() -> None:
    assert skip_of("127.0.0.1:8080", target=TargetFacts()) is not None


def test_a_port_that_changes_to_another_person_is_left_out() -> None:
    how: dict[str, Any] = {"service": {"uid": BOB}, "all_users": True}
    skip = skip_of("127.0.0.1:8080", {ALICE: "alice"}, **how)
    assert skip is not None
    assert skip.reason.startswith("owner changed from alice to bob")
    assert skip.is_owner_change
    assert skip_of("127.0.0.1:8080", {ALICE: "alice"}, **how, allow="8080") is None
    assert skip_of("127.0.0.1:8080", {ALICE: "alice", BOB: "bob"}, **how) is None


@pytest.mark.parametrize("uid", [ALICE, 0, 33])
def test_a_port_that_comes_to_the_user_or_the_system_is_not(uid: int) -> None:
    assert skip_of("127.0.0.1:8080", {BOB: "bob"}, service={"uid": uid}) is None


def test_skip_wins_over_only_and_allow() -> None:
    reason = reason_of("127.0.0.1:8080", only="8080", skip="8000-9000", allow="8080")
    assert reason == "left out by --skip 8000-9000"


def test_what_only_does_not_name_is_left_out() -> None:
    assert reason_of("127.0.0.1:8080", only="80,node*") == "not named in --only 80,node*"
    assert skip_of("127.0.0.1:8080", only="80,node*", service={"process": "node"}) is None


def test_ports_of_our_ephemeral_range_are_refused() -> None:
    assert reason_of("10.0.0.5:40000") == (
        "port 40000 is in this machine's ephemeral range (32768-60999); "
        "--allow 40000 lets it through"
    )
    assert skip_of("10.0.0.5:32767") is None
    assert skip_of("10.0.0.5:61000") is None


@pytest.mark.parametrize(
    "how",
    [
        {"allow": "40000"},
        {"allow": "1-65535"},
        {"only": "40000"},
        {"only": "10.0.0.5:40000"},
        {"map": "40000:40001"},
        {"allowed": True},
    ],
)
def test_a_wish_lifts_the_ephemeral_rule(how: dict[str, Any]) -> None:
    assert skip_of("10.0.0.5:40000", **how) is None


def test_a_range_in_only_does_not() -> None:
    assert "ephemeral" in reason_of("10.0.0.5:40000", only="1-65535")


def test_a_wish_for_a_port_does_not_let_other_people_in() -> None:
    who = {"uid": BOB}
    assert "belongs to bob" in reason_of("10.0.0.5:40000", only="40000", service=who)
    assert "belongs to bob" in reason_of("10.0.0.5:40000", allowed=True, service=who)


@pytest.mark.parametrize(
    ("key", "uid", "askable"),
    [
        ("127.0.0.1:40000", ALICE, True),
        ("tcp/[::1]:40000", ALICE, True),
        ("0.0.0.0:40000", ALICE, False),
        ("127.0.0.1:40000", 0, False),
        ("udp/127.0.0.1:40000", ALICE, False),
    ],
)
def test_only_a_callback_of_the_user_is_worth_a_question(key: str, uid: int, askable: bool) -> None:
    skip = skip_of(key, service={"uid": uid})
    assert skip is not None
    assert skip.is_askable is askable
