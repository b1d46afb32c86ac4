"""How long an agent may go on alone."""

from __future__ import annotations

from port_linker.agent.lease import Lease


def test_open_flows_are_kept_longer_than_nothing() -> None:
    lease = Lease(with_flows_s=100.0, idle_s=10.0, now=0.0)
    assert not lease.is_over(0, 9.9)
    assert lease.is_over(0, 10.0)
    assert not lease.is_over(1, 99.9)
    assert lease.is_over(1, 100.0)
    lease.renew(95.0)
    assert lease.ends_at(0) == 105.0
    assert lease.ends_at(3) == 195.0


def test_a_short_lease_is_short_without_flows_too() -> None:
    assert Lease(with_flows_s=5.0, idle_s=120.0, now=0.0).is_over(0, 5.0)
