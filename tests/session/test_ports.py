"""Local sockets of services with several sockets on the target, over a link that takes notes."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from port_linker.link.interface import Binding, Traffic
from port_linker.model import Proto, ServiceId
from port_linker.ports import commands as cmd
from port_linker.ports import events as ev
from port_linker.ports.types import HELD_BACK, Local
from port_linker.session.ports import OURSELVES, LocalPorts
from port_linker.session.shelf import Shelf
from tests.session.test_binder import free_port


class NotingLink:
    """What a link is asked to do."""

    def __init__(self) -> None:
        self.adopted: list[Binding] = []
        self.holds: dict[ServiceId, float | None] = {}
        self.resets: set[ServiceId] = set()
        self.counters: dict[ServiceId, Traffic] = {}

    def adopt(self, binding: Binding) -> None:
        self.adopted.append(binding)

    def release(self, binding: Binding) -> None:
        self.adopted.remove(binding)

    def hold(self, service: ServiceId, deadline_s: float | None) -> None:
        self.holds[service] = deadline_s

    def reset_flows(self, service: ServiceId) -> None:
        self.resets.add(service)

    def traffic(self) -> dict[ServiceId, Traffic]:
        return self.counters


class Rig:
    def __init__(self) -> None:
        port = free_port()
        self.link = NotingLink()
        self.told: list[ev.Event] = []
        self.ports = LocalPorts(self.link, self.told.append, None)  # type: ignore[arg-type]
        self.four = ServiceId(Proto.TCP, "0.0.0.0", port)
        self.six = ServiceId(Proto.TCP, "::", port)
        self.locals = (Local(4, "127.0.0.1", port), Local(6, "::1", port))

    def bind(self) -> None:
        self.ports.bind(cmd.BindService(self.four, self.locals, ((6, self.six),)))


@pytest.fixture
async def rig() -> Iterator[Rig]:  # type: ignore[misc]
    rig = Rig()
    yield rig
    rig.ports.close()
    assert rig.link.adopted == []


async def test_each_family_dials_its_own_socket_and_is_told_as_one_service(rig: Rig) -> None:
    rig.bind()
    assert [one.service for one in rig.link.adopted] == [rig.four, rig.six]
    assert rig.told == [ev.BindDone(rig.four, local) for local in rig.locals]
    assert rig.ports.count == 2


async def test_what_concerns_the_service_concerns_all_its_sockets(rig: Rig) -> None:
    rig.bind()
    rig.ports.hold(rig.four, 10.0)
    assert rig.link.holds == {rig.four: 10.0, rig.six: 10.0}
    rig.ports.hold(rig.four, None)
    assert rig.link.holds == {rig.four: None, rig.six: None}
    rig.ports.reset_flows(rig.four)
    assert rig.link.resets == {rig.four, rig.six}


async def test_a_socket_that_is_bound_during_an_outage_is_held_too(rig: Rig) -> None:
    rig.ports.hold(rig.four, 10.0)
    rig.bind()
    assert rig.link.holds == {rig.four: 10.0, rig.six: 10.0}


async def test_counters_are_those_of_all_sockets_together(rig: Rig) -> None:
    rig.bind()
    rig.link.counters = {rig.four: Traffic(1, 2, 3, 4), rig.six: Traffic(10, 20, 30, 40)}
    assert rig.ports.traffic() == {rig.four: Traffic(11, 22, 33, 44)}
    assert rig.link.counters[rig.four] == Traffic(1, 2, 3, 4)
    rig.ports.forget(rig.four)
    assert rig.ports.traffic().keys() == {rig.four, rig.six}


async def test_what_is_held_is_given_back_without_a_gap() -> None:
    rig = Rig()
    shelf = Shelf(10)
    rig.ports = LocalPorts(rig.link, rig.told.append, None, shelf)  # type: ignore[arg-type]
    rig.bind()
    socks = [one.sock for one in rig.link.adopted]
    rig.ports.release(cmd.ReleaseService(rig.four, rig.locals))
    assert [(Proto.TCP, local) in shelf for local in rig.locals] == [True, True]
    assert rig.link.adopted == []
    rig.bind()
    assert [one.sock for one in rig.link.adopted] == socks
    rig.ports.release(cmd.ReleaseService(rig.four, rig.locals, is_conflict=True))
    assert all(sock.fileno() == -1 for sock in socks), "another program has the other family"
    rig.ports.close()


async def test_what_is_held_stays_held_when_the_other_family_is_busy() -> None:
    rig = Rig()
    shelf = Shelf(10)
    rig.ports = LocalPorts(rig.link, rig.told.append, None, shelf)  # type: ignore[arg-type]
    rig.ports.bind(cmd.BindService(rig.four, rig.locals[:1]))
    rig.ports.release(cmd.ReleaseService(rig.four, rig.locals[:1]))
    with socket.create_server(("::1", rig.four.port), family=socket.AF_INET6):
        rig.bind()
        assert rig.told[1:] == [ev.BindFailed(rig.four, rig.locals[0], HELD_BACK)]
    assert (Proto.TCP, rig.locals[0]) in shelf
    rig.ports.close()
    assert (Proto.TCP, rig.locals[0]) not in shelf


async def test_a_port_that_a_sidecar_still_closes_is_held_by_ourselves(rig: Rig) -> None:
    rig.bind()
    in_the_sidecar = rig.link.adopted[0].sock.dup()
    rig.ports.release(cmd.ReleaseService(rig.four, rig.locals))
    rig.told.clear()
    rig.bind()
    in_the_sidecar.close()
    assert rig.told[0] == ev.BindFailed(rig.four, rig.locals[0], errno.EADDRINUSE, OURSELVES)
    rig.told.clear()
    rig.bind()
    assert rig.told == [ev.BindDone(rig.four, local) for local in rig.locals]
