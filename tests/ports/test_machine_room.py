"""Room on this machine: the cap, conflicts that take none, descriptors that run out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from port_linker.ports import events as ev
from port_linker.ports import machine as machine_module
from port_linker.ports import services
from tests.ports.kit import BOB, FACTS, host, service


def test_what_does_not_fit_waits_for_room() -> None:
    here = host(facts=replace(FACTS, max_services=2))
    here.appear(*(service(f"127.0.0.1:{port}") for port in (3000, 3001, 3002)))
    assert here.shown("127.0.0.1:3002") == (
        "waiting",
        (),
        "the limit of 2 services is reached; raise it with --max-services",
    )
    here.vanish("127.0.0.1:3000")
    here.tick_until(1.0)
    assert here.state("127.0.0.1:3002") == "ready"


def test_a_conflict_takes_no_room_and_gets_none_while_it_is_full() -> None:
    here = host(facts=replace(FACTS, max_services=1))
    here.hold_port(3000)
    here.appear(service("127.0.0.1:3000"), service("127.0.0.1:3001"))
    assert here.state("127.0.0.1:3000") == "conflict"
    assert here.state("127.0.0.1:3001") == "ready"
    here.free_port(3000)
    here.tick_until(2.0)
    assert here.state("127.0.0.1:3000") == "conflict"
    here.vanish("127.0.0.1:3001", now=2.0)
    here.tick_until(4.0)
    assert here.state("127.0.0.1:3000") == "ready"


def test_new_limits_bind_and_release() -> None:
    here = host(facts=replace(FACTS, max_services=3))
    here.appear(*(service(f"127.0.0.1:{port}") for port in range(3000, 3005)))
    here.feed(ev.LimitsChanged(1, 1000))
    assert len(here.sockets) == 2
    here.feed(ev.LimitsChanged(2000, 4))
    assert len(here.sockets) == 8
    assert "descriptor limit leaves room for 4 services" in here.reason("127.0.0.1:3004")


def test_out_of_descriptors_lowers_the_limit_and_loses_no_service() -> None:
    here = host()
    here.room = 5
    here.appear(*(service(f"127.0.0.1:{port}") for port in range(3000, 3006)))
    states = [here.state(f"127.0.0.1:{port}") for port in range(3000, 3006)]
    assert states == ["ready"] * 2 + ["waiting"] * 4, "a service has both its families or none"
    assert "room for 2 services" in here.reason("127.0.0.1:3005")
    here.room = 100
    here.tick_until(machine_module.RELAX_S + 1)
    assert {here.state(f"127.0.0.1:{port}") for port in range(3000, 3006)} == {"ready"}
    assert len(here.sockets) == 12


def test_when_too_many_are_known_other_peoples_services_give_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services, "MAX_SOCKETS", 3)
    here = host()
    here.appear(*(service(f"127.0.0.1:{port}", BOB) for port in (4000, 4001, 4002)))
    here.appear(service("127.0.0.1:3000"), service("127.0.0.1:4003", BOB))
    assert here.state("127.0.0.1:3000") == "ready"
    assert len(here.machine.services()) == 3
    here.appear(service("127.0.0.1:3001", uid=0), service("127.0.0.1:3002"))
    here.appear(service("127.0.0.1:3003"))
    assert len(here.machine.services()) == 3, "nobody is left to give way"
    here.vanish("127.0.0.1:3000")
    here.tick_until(1.0)
    here.appear(service("127.0.0.1:4004", BOB))
    here.appear(service("127.0.0.1:3003"))
    assert here.state("127.0.0.1:3003") == "ready"
