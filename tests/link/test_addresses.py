"""Which addresses are tried: few, unicast, and loopback only where ssh went there."""

from __future__ import annotations

import pytest

from port_linker.link.addresses import plan_addresses


def test_where_ssh_went_comes_first() -> None:
    found = plan_addresses(60001, ["192.0.2.7"], ["10.0.0.5", "2001:db8::7"])
    assert found == ("192.0.2.7:60001", "10.0.0.5:60001", "[2001:db8::7]:60001")


def test_the_same_address_is_tried_once() -> None:
    assert plan_addresses(1, ["192.0.2.7"], ["192.0.2.7", "::ffff:192.0.2.7"]) == ("192.0.2.7:1",)


@pytest.mark.parametrize(
    "bad", ["224.0.0.1", "255.255.255.255", "0.0.0.0", "::", "ff02::1", "fe80::1%eth0"]
)
def test_a_target_cannot_choose_whom_we_flood(bad: str) -> None:
    assert plan_addresses(60001, [], [bad]) == ()


@pytest.mark.parametrize("loopback", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_loopback_only_where_ssh_went_there(loopback: str) -> None:
    assert plan_addresses(60001, [], [loopback]) == ()
    assert len(plan_addresses(60001, [loopback], [])) == 1


def test_there_is_a_limit() -> None:
    assert len(plan_addresses(60001, [], [f"10.0.0.{n}" for n in range(1, 30)])) == 8
