"""What the host asks for is dialled, or refused with the reason."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from port_linker.agent import flows as flows_module
from port_linker.agent import owner as owner_module
from port_linker.agent.flows import FlowOpener
from port_linker.agent.owner import OTHER_OWNER
from port_linker.model import Service, parse_service_key
from port_linker.mux import udp_target as udp_module
from port_linker.mux.engine import Engine, Flow
from port_linker.scan.lookup import SocketLookup
from tests.fakes.waiting import WAIT_S, until


class FakeEngine(Engine):
    """An engine without a pipe that notes what it resets."""

    def __init__(self) -> None:
        super().__init__(handler=None)  # type: ignore[arg-type]
        self.resets: list[tuple[int, str]] = []

    def reset(self, number: int, reason: str, is_last: bool = False) -> None:
        super().reset(number, reason, is_last)
        self.resets.append((number, reason))


@pytest.fixture(autouse=True)
def _lookups_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close what the kernel was asked through: an agent keeps it to its end."""
    made: list[SocketLookup] = []

    def make() -> SocketLookup:
        made.append(SocketLookup())
        return made[-1]

    monkeypatch.setattr(owner_module, "SocketLookup", make)
    yield
    for lookup in made:
        lookup.close()


def opener(*keys: str) -> tuple[FlowOpener, FakeEngine]:
    services = {key: Service(parse_service_key(key), uid=0) for key in keys}
    engine = FakeEngine()
    return FlowOpener(engine, services.get), engine


async def test_what_is_not_a_service_here_is_refused() -> None:
    flows, engine = opener("tcp/127.0.0.1:80", "udp/127.0.0.1:53")
    flows.open(1, "tcp/10.0.0.1:80", is_udp=False)
    flows.open(2, "tcp/127.0.0.1:80", is_udp=True)
    flows.open(3, "udp/127.0.0.1:53", is_udp=False)
    flows.open(4, "nonsense", is_udp=False)
    assert engine.resets == [(number, "refused") for number in (1, 2, 3, 4)]
    assert (flows.traffic.refused, flows.traffic.flows_open) == (4, 0)


async def test_a_closed_port_is_refused() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        key = f"tcp/127.0.0.1:{sock.getsockname()[1]}"
        flows, engine = opener(key)
        flows.open(1, key, is_udp=False)
        await until(lambda: engine.resets)
    assert engine.resets == [(1, "refused")]
    assert (flows.traffic.refused, flows.traffic.flows_open) == (1, 0)


async def test_flows_leave_descriptors_for_the_next_attacher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = (flows_module.RESERVED_DESCRIPTORS + 1, 4096)
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
        service.bind(("127.0.0.1", 0))
        key = f"udp/127.0.0.1:{service.getsockname()[1]}"
        flows, engine = opener(key)
        flows.open(1, key, is_udp=True)
        flows.open(2, key, is_udp=True)
        assert engine.resets == [(2, "too many flows")]
        assert (flows.traffic.flows_open, flows.traffic.flows_total) == (1, 1)
        engine.restart("the test ends")
        assert flows.traffic.flows_open == 0


async def test_an_association_falls_back_to_the_next_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
        service.bind(("127.0.0.1", 0))
        port = service.getsockname()[1]
        nowhere = [("255.255.255.255", port), ("127.0.0.1", port)]  # broadcast is not allowed
        monkeypatch.setattr(flows_module, "plan_dial", lambda _: nowhere)
        flows, engine = opener(f"udp/0.0.0.0:{port}")
        flows.open(1, f"udp/0.0.0.0:{port}", is_udp=True)
        assert engine.resets == []
        monkeypatch.setattr(flows_module, "plan_dial", lambda _: nowhere[:1])
        flows.open(2, f"udp/0.0.0.0:{port}", is_udp=True)
        assert engine.resets == [(2, "refused")]
        engine.restart("the test ends")


async def test_an_association_without_a_descriptor_is_refused_by_that_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(flows_module, "open_socket", fail)
    flows, engine = opener("udp/127.0.0.1:53")
    flows.open(1, "udp/127.0.0.1:53", is_udp=True)
    assert engine.resets == [(1, "no descriptors left on the target")]


async def test_a_flow_that_ended_while_it_was_dialled_is_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[tuple[Callable[..., Any], Callable[..., Any]]] = []

    class SlowDialer:
        def __init__(
            self, _addresses: object, connected: Any, failed: Any, _explain: object
        ) -> None:
            calls.append((connected, failed))

        def start(self) -> None:
            """It takes its time."""

        def close(self) -> None:
            """Given up."""

    monkeypatch.setattr(flows_module, "Dialer", SlowDialer)
    flows, engine = opener("tcp/127.0.0.1:80")
    flows.open(1, "tcp/127.0.0.1:80", is_udp=False)
    flow: Flow = engine.flows[1]
    engine.drop(1)
    flow.kill("reset")
    sock = socket.socket()
    ((connected, failed),) = calls
    connected(sock)
    failed("refused")
    assert sock.fileno() == -1
    assert engine.resets == []
    assert flows.traffic.refused == 0
    await asyncio.sleep(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a socket away")
async def test_another_user_who_took_the_port_since_the_scan_is_not_dialled() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        key = f"tcp/127.0.0.1:{server.getsockname()[1]}"
        flows, engine = opener(key)
        os.fchown(server.fileno(), 4242, -1)
        flows.open(1, key, is_udp=False)
        assert engine.resets == [(1, OTHER_OWNER)]
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert (flows.traffic.refused, flows.traffic.flows_open) == (1, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a socket away")
async def test_an_association_ends_when_another_user_takes_the_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(udp_module, "CHECK_S", 0.0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
        service.bind(("127.0.0.1", 0))
        service.settimeout(WAIT_S)
        key = f"udp/127.0.0.1:{service.getsockname()[1]}"
        flows, engine = opener(key)
        flows.open(1, key, is_udp=True)
        engine.flows[1].on_data(memoryview(b"ours"))
        assert service.recv(9) == b"ours"
        os.fchown(service.fileno(), 4242, -1)  # as if closed here and bound by another user
        engine.flows[1].on_data(memoryview(b"a secret"))
        assert engine.resets == [(1, OTHER_OWNER)]
        flows.open(2, key, is_udp=True)
        assert engine.resets[1:] == [(2, OTHER_OWNER)]
        service.setblocking(False)
        with pytest.raises(BlockingIOError):
            service.recv(9)
    assert flows.traffic.flows_open == 0


async def test_an_association_outlives_the_restart_of_its_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(udp_module, "CHECK_S", 0.0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
        service.bind(("127.0.0.1", 0))
        key = f"udp/127.0.0.1:{service.getsockname()[1]}"
        flows, engine = opener(key)
        flows.open(1, key, is_udp=True)
    engine.flows[1].on_data(memoryview(b"lost"))
    assert engine.resets == []
    engine.restart("the test ends")
