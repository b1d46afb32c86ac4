"""The target's side of an association: a socket that is connected to the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from port_linker.mux import frames
from port_linker.mux.engine import Engine
from port_linker.mux.udp_target import UdpFlow
from tests.fakes.waiting import until
from tests.mux.test_udp import FailingSocket, bound, take_kinds


class Agent:
    """One association there, connected to a service."""

    def __init__(self) -> None:
        self.engine = Engine(handler=None)  # type: ignore[arg-type]
        self.engine.machine.outbox.open(0)
        self.service, self.sock = bound(), bound()
        self.sock.connect(self.service.getsockname())
        self.ends: list[str] = []
        self.number = self.engine.machine.open_flow("udp/127.0.0.1:53", is_udp=True)
        self.flow = UdpFlow(self.engine, self.number, self.sock, self.ends.append)
        self.engine.add(self.number, self.flow)
        take_kinds(self.engine)


@pytest.fixture
async def agent() -> AsyncIterator[Agent]:
    made = Agent()
    yield made
    made.flow.kill("the test ends")
    made.service.close()


async def test_a_question_reaches_the_service_and_its_answer_the_link(agent: Agent) -> None:
    agent.flow.on_data(memoryview(b"question"))
    data, peer = await asyncio.get_running_loop().sock_recvfrom(agent.service, 100)
    assert data == b"question"
    agent.service.sendto(b"", peer)  # an empty datagram is one too
    await until(lambda: take_kinds(agent.engine) == [frames.DATAGRAM])
    agent.flow.on_credit()


async def test_a_service_that_is_gone_is_no_end(agent: Agent) -> None:
    agent.flow.sock = FailingSocket(agent.sock)  # type: ignore[assignment]
    agent.flow.sock.errors = 1  # type: ignore[union-attr]
    agent.service.sendto(b"late", agent.sock.getsockname())
    await until(lambda: take_kinds(agent.engine) == [frames.DATAGRAM])
    agent.flow.sock = agent.sock


@pytest.mark.parametrize("way", ["on_fin", "on_reset"])
async def test_the_host_ends_an_association(agent: Agent, way: str) -> None:
    agent.flow.on_fin() if way == "on_fin" else agent.flow.on_reset("idle")
    assert agent.ends == ["idle"]
    agent.flow.kill("again")
    agent.flow.on_data(memoryview(b"late"))
    agent.flow._on_readable()
    assert agent.ends == ["idle"]
    assert agent.sock.fileno() == -1
