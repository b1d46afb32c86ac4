"""UDP associations: replies find their client, the idle and the oldest leave."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from port_linker.mux import frames
from port_linker.mux import udp as udp_module
from port_linker.mux.engine import Engine
from port_linker.mux.udp import UdpPort
from port_linker.observe.counters import Traffic
from tests.fakes.waiting import until


def bound() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


class Rig:
    """A port of the host with an engine that is attached as far as it knows."""

    def __init__(self, accepts: Any = None) -> None:
        self.engine = AttachedEngine(handler=None)  # type: ignore[arg-type]
        self.engine.machine.outbox.open(0)
        self.sock, self.client = bound(), bound()
        self.traffic = Traffic()
        self.port = UdpPort(self.engine, "udp/127.0.0.1:53", self.sock, self.traffic, accepts)

    def ask(self, data: bytes, client: socket.socket | None = None) -> None:
        (client or self.client).sendto(data, self.sock.getsockname())

    async def opened(self) -> int:
        await until(lambda: self.traffic.flows_open)
        return next(iter(self.engine.flows))

    def close(self) -> None:
        self.port.close(reset_flows=True)
        self.sock.close()
        self.client.close()


class AttachedEngine(Engine):
    """Takes flows though it has no pipe."""

    attached = True

    @property
    def is_attached(self) -> bool:
        return self.attached


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    made.close()


def take_kinds(engine: Engine) -> list[int]:
    data, found = b"".join(engine.machine.outbox.take(1 << 30)), []
    while data:
        found.append(data[0])
        data = data[8 + int.from_bytes(data[5:8], "big") :]
    return found


async def test_a_reply_finds_its_client(rig: Rig) -> None:
    rig.ask(b"question")
    number = await rig.opened()
    rig.engine.flows[number].on_data(memoryview(b"answer"))
    assert await asyncio.get_running_loop().sock_recv(rig.client, 100) == b"answer"
    assert (rig.traffic.up_bytes, rig.traffic.down_bytes) == (8, 6)
    rig.engine.flows[number].on_credit()


@pytest.mark.parametrize("way", ["on_fin", "on_reset", "kill"])
async def test_an_association_that_has_ended_begins_anew_with_the_next_datagram(
    rig: Rig, way: str
) -> None:
    rig.ask(b"1")
    number = await rig.opened()
    flow = rig.engine.flows[number]
    flow.on_fin() if way == "on_fin" else getattr(flow, way)("refused")
    assert rig.traffic.flows_open == 0
    assert rig.traffic.refused == (way == "on_reset")
    rig.ask(b"2")
    await until(lambda: rig.traffic.flows_total == 2)


async def test_the_idle_leave_and_the_busy_stay(rig: Rig) -> None:
    other = bound()
    rig.ask(b"1")
    rig.ask(b"1", other)
    await until(lambda: rig.traffic.flows_open == 2)
    take_kinds(rig.engine)
    now = asyncio.get_running_loop().time()
    rig.port._clients[rig.client.getsockname()].used_at = now - udp_module.IDLE_S
    rig.port.sweep(now)
    assert list(rig.port._clients) == [other.getsockname()]
    assert take_kinds(rig.engine) == [frames.RESET]
    assert len(rig.engine.flows) == 1
    other.close()


async def test_past_the_limit_the_one_that_was_silent_longest_leaves(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(udp_module, "MAX_ASSOCIATIONS", 2)
    monkeypatch.setattr(udp_module, "SILENT_S", 0.0)
    clients = [bound() for _ in range(3)]
    for client in (clients[0], clients[1], clients[0], clients[2]):
        rig.ask(b"x", client)
    await until(lambda: rig.traffic.flows_total == 3)
    assert set(rig.port._clients) == {clients[0].getsockname(), clients[2].getsockname()}
    for client in clients:
        client.close()


async def test_what_is_in_use_does_not_leave_for_what_is_new(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(udp_module, "MAX_ASSOCIATIONS", 2)
    clients = [bound() for _ in range(3)]
    rig.ask(b"x", clients[0])
    rig.ask(b"x", clients[1])
    await until(lambda: rig.traffic.flows_total == 2)
    first, second = (rig.port._clients[client.getsockname()] for client in clients[:2])
    rig.ask(b"x", clients[2])
    await until(lambda: rig.traffic.datagrams_dropped == 1)
    for association in (first, second):
        association.used_at -= udp_module.SILENT_S
    first.on_data(memoryview(b"a reply is use as well"))
    rig.ask(b"x", clients[2])
    await until(lambda: rig.traffic.flows_total == 3)
    assert set(rig.port._clients) == {clients[0].getsockname(), clients[2].getsockname()}
    for client in clients:
        client.close()


async def test_no_association_is_opened_while_the_link_is_choked(rig: Rig) -> None:
    rig.ask(b"1")
    number = await rig.opened()
    box = rig.engine.machine.outbox
    while box.takes_openings:
        box.put_datagram(frames.DATAGRAM, number, bytes(1000))
    other = bound()
    rig.ask(b"2", other)
    await until(lambda: rig.traffic.datagrams_dropped == 1)
    rig.ask(b"2")  # one that is open goes on
    await until(lambda: rig.traffic.up_bytes == 2)
    box.take(1 << 20)
    rig.ask(b"3", other)
    await until(lambda: rig.traffic.flows_total == 2)
    other.close()


async def test_in_an_outage_datagrams_are_lost_and_counted(rig: Rig) -> None:
    rig.ask(b"1")
    await rig.opened()
    rig.engine.attached = False
    rig.engine.machine.outbox.shut()
    other = bound()
    rig.ask(b"2")
    rig.ask(b"3", other)
    await until(lambda: rig.traffic.datagrams_dropped == 2)
    assert rig.traffic.up_bytes == 1
    assert rig.traffic.flows_open == 1
    other.close()


async def test_a_client_that_may_not_is_refused() -> None:
    rig = Rig(accepts=lambda _client: None)
    rig.ask(b"x")
    await until(lambda: rig.traffic.refused == 1)
    assert rig.engine.flows == {}
    rig.close()


async def test_an_association_belongs_to_one_socket() -> None:
    senders: list[bytes | None] = [b"first"]
    rig = Rig(accepts=lambda _client: senders[-1])
    try:
        rig.ask(b"1")
        first = await rig.opened()
        senders.append(b"another")  # of our user, at the same address
        rig.ask(b"22")
        await until(lambda: rig.traffic.up_bytes == 3)
        (second,) = rig.engine.flows
        assert second != first
        senders.append(None)  # of another user
        rig.ask(b"333")
        await until(lambda: rig.traffic.refused == 1)
        assert rig.engine.flows == {}
        assert (rig.traffic.up_bytes, rig.traffic.flows_open) == (3, 0)
    finally:
        rig.close()


async def test_a_reply_goes_to_the_socket_that_asked_and_to_no_other() -> None:
    senders: list[bytes | None] = [b"first"]
    rig = Rig(accepts=lambda _client: senders[-1])
    try:
        rig.ask(b"1")
        number = await rig.opened()
        association = rig.engine.flows[number]
        association.on_data(memoryview(b"answer"))
        assert rig.client.recv(9) == b"answer"
        senders.append(None)
        association.on_data(memoryview(b"a secret"))
        with pytest.raises(BlockingIOError):
            rig.client.recv(9)
        assert rig.engine.flows == {}
    finally:
        rig.close()


async def test_a_client_that_is_gone_costs_no_other_a_datagram(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.ask(b"1")
    number = await rig.opened()
    failing = FailingSocket(rig.sock)
    monkeypatch.setattr(rig.port, "_sock", failing)
    rig.engine.flows[number].on_data(memoryview(b"answer"))
    assert rig.traffic.datagrams_dropped == 1
    failing.errors = 1
    rig.ask(b"2")
    await until(lambda: rig.traffic.up_bytes == 2)
    monkeypatch.undo()


class FailingSocket:
    """A socket whose sends fail, and whose next reads do."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.errors = 0

    def sendto(self, *_: object) -> int:
        raise OSError(errno.ECONNREFUSED, "Connection refused")

    def recv(self, size: int) -> bytes:
        self._fail()
        return self._sock.recv(size)

    def recvfrom(self, size: int) -> Any:
        self._fail()
        return self._sock.recvfrom(size)

    def _fail(self) -> None:
        if self.errors:
            self.errors -= 1
            raise OSError(errno.ECONNREFUSED, "Connection refused")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


async def test_a_port_can_leave_its_associations(rig: Rig) -> None:
    rig.ask(b"1")
    await rig.opened()
    rig.port.close()
    assert rig.traffic.flows_open == 1
    rig.ask(b"2")
    await asyncio.sleep(0)
    assert rig.traffic.up_bytes == 1
