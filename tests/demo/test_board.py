"""The board waits for what the session tells, and gives a late reader the whole picture."""

from __future__ import annotations

import asyncio

import pytest

from port_linker.demo.board import Board
from port_linker.demo.steps import DemoFault
from port_linker.ports.types import ServiceState
from port_linker.session.events import LinkState, SessionState
from tests.ui import samples


async def test_a_wait_ends_with_the_event() -> None:
    board = Board()
    up = asyncio.ensure_future(board.wait_up())
    for state in (SessionState.CONNECTING, SessionState.DEPLOYING):
        board.note(samples.session(state))
        await asyncio.sleep(0)
        assert not up.done()
    board.note(samples.session(SessionState.UP))
    await up


async def test_what_was_told_before_counts() -> None:
    board = Board()
    board.note(samples.service(80))
    assert (await board.wait_ready("tcp", 80)).port == 80


async def test_a_service_that_is_down_is_waited_for() -> None:
    board = Board()
    board.note(samples.service(80, ServiceState.DOWN))
    ready = asyncio.ensure_future(board.wait_ready("tcp", 80))
    await asyncio.sleep(0)
    assert not ready.done()
    board.note(samples.service(80, proto="udp"))
    board.note(samples.service(80))
    assert (await ready).state is ServiceState.READY


@pytest.mark.parametrize(
    "state", [ServiceState.CONFLICT, ServiceState.SKIPPED, ServiceState.WAITING]
)
async def test_a_service_that_will_not_be_bound_ends_the_wait(state: ServiceState) -> None:
    board = Board()
    board.note(samples.service(80, state, reason="held by node"))
    with pytest.raises(DemoFault, match=f"80/tcp is {state}: held by node"):
        await board.wait_ready("tcp", 80)


async def test_gone_is_waited_for() -> None:
    board = Board()
    board.note(samples.service(80))
    gone = asyncio.ensure_future(board.wait_gone("tcp", 80))
    await asyncio.sleep(0)
    assert not gone.done()
    board.note(samples.service(80, ServiceState.GONE))
    await gone
    await board.wait_gone("tcp", 81)


async def test_a_replay_has_the_last_word_of_each() -> None:
    board = Board()
    for event in samples.EVERY_KIND:
        board.note(event)
    board.note(samples.service(7))
    told = board.replay()
    assert [event.name for event in told[:2]] == ["hello", "session"]
    assert sum(event.name == "session" for event in told) == 1
    assert samples.service(7) in told
    assert not any(getattr(event, "state", None) is ServiceState.GONE for event in told)


async def test_quic_is_waited_for_until_it_is_up_or_will_not_come() -> None:
    board = Board()
    board.note(samples.link())
    board.note(samples.link("quic", LinkState.TRYING))
    told = asyncio.ensure_future(board.wait_quic())
    await asyncio.sleep(0)
    assert not told.done()
    board.note(samples.link("quic", LinkState.DOWN))
    assert (await told).state is LinkState.DOWN
    board.note(samples.link("quic", LinkState.UP))
    assert (await board.wait_quic()).state is LinkState.UP
