"""The steps in their order, against services without a session between."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from port_linker import clock
from port_linker.demo import steps
from port_linker.demo.board import Board
from port_linker.demo.free import LOOPBACK_HOST, hold_ports
from port_linker.demo.helper import TargetProcess
from port_linker.demo.play import Play, SessionSteps, local_address
from port_linker.demo.services import PORT_NAMES, Services
from port_linker.demo.steps import STEPS, DemoEvent, DemoFault, StepFailed
from port_linker.ports.types import ServiceState
from port_linker.session.events import LinkState, SessionState
from tests.fakes.causes import why
from tests.ui import samples


class FakeTarget(TargetProcess):
    """Starts and stops services in this process; the board hears of it."""

    def __init__(self, board: Board, ports: Mapping[str, int]) -> None:
        self.ports = ports
        self.board = board
        self.services = Services(LOOPBACK_HOST, ports)

    async def start(self, name: str) -> float:
        await self.services.start(name)
        self.tell(name, ServiceState.READY)
        return clock.monotonic_s()

    async def stop(self, name: str) -> float:
        self.services.stop(name)
        self.tell(name, ServiceState.GONE)
        return clock.monotonic_s()

    def tell(self, name: str, state: ServiceState) -> None:
        port, proto = self.ports[name], "udp" if name == "udp" else "tcp"
        local = (f"{LOOPBACK_HOST}:{port}",)
        self.board.note(samples.service(port, state, proto=proto, local=local))


async def test_all_steps_work_and_each_is_told() -> None:
    board, told = Board(), list[DemoEvent]()
    held = hold_ports(len(PORT_NAMES))
    target = FakeTarget(board, dict(zip(PORT_NAMES, held.ports, strict=True)))
    play = Play(told.append)
    for name in ("web", "tcp", "udp"):
        await target.start(name)
    board.note(samples.session(SessionState.UP))
    board.note(samples.quic())
    await SessionSteps(board, target).play_all(play)
    assert [event.step for event in told] == list(STEPS[1:])
    assert all(event.ok and event.took_ms >= 0 and event.target == "demo" for event in told)
    assert play.current is None
    target.services.close()
    held.close()


async def test_a_quic_that_does_not_come_is_told_and_no_failure() -> None:
    board, told = Board(), list[DemoEvent]()
    target = FakeTarget(board, {})
    down = replace(samples.quic(), state=LinkState.DOWN, cause=why("its executable is missing"))
    board.note(down)
    await Play(told.append).play(steps.QUIC, SessionSteps(board, target)._use_quic)
    assert told[0].ok
    assert "its executable is missing" in told[0].text


async def wait_for_ever() -> str:
    await asyncio.Event().wait()
    return ""


def raising(error: Exception) -> object:
    async def action() -> str:
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (DemoFault("it is wrong"), "it is wrong"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (OSError("odd"), "odd"),
    ],
)
async def test_a_fault_fails_its_step(error: Exception, why: str) -> None:
    told: list[DemoEvent] = []
    play = Play(told.append)
    with pytest.raises(StepFailed, match=why) as caught:
        await play.play(steps.WEB, raising(error))  # type: ignore[arg-type]
    assert caught.value.step is steps.WEB
    assert [(event.step, event.ok) for event in told] == [(steps.WEB, False)]


async def test_a_step_ends_in_time() -> None:
    play = Play(lambda _: None)
    with pytest.raises(StepFailed, match=r"more than 0\.01 s"):
        await play.play(replace(steps.LATE, limit_s=0.01), wait_for_ever)
    assert play.fail("x").step.name == "late"


def test_the_local_address_has_the_same_port() -> None:
    assert local_address(samples.service(80)) == ("127.0.0.1", 80)
    with pytest.raises(DemoFault, match="another port here, 8080"):
        local_address(samples.service(80, local=("127.0.0.1:8080",)))
    with pytest.raises(DemoFault, match="no address"):
        local_address(samples.service(80, local=()))
