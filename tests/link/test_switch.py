"""Bindings move between the links, and a connection always finds one that takes it."""

from __future__ import annotations

import asyncio
import os
import pathlib
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from port_linker.link import control
from port_linker.link.interface import Binding, LinkKind
from port_linker.link.switch import SwitchLink
from tests.fakes.quic_pair import QuicPair
from tests.fakes.stdio_pair import StdioPair
from tests.fakes.tunnel import WAIT_S, write_fake
from tests.fakes.waiting import until
from tests.link.test_contract import Service, dial, echo, read


class Both:
    """A switch over both links, with one service."""

    def __init__(self, stdio: StdioPair, quic: QuicPair) -> None:
        self.stdio, self.quic = stdio, quic
        self.switch = SwitchLink(stdio.link, quic.link)

    def bind(self, port: int, accepts: object = None) -> Binding:
        binding = self.stdio.mirror(port, accepts=accepts)  # type: ignore[arg-type]
        self.stdio.link.release(binding)
        self.quic.table[binding.service.key] = (binding.service.endpoint,)
        self.switch.adopt(binding)
        return binding

    async def carried(self) -> tuple[int, int]:
        """Return the flows so far: over stdio, over QUIC."""
        await self.quic.refresh()
        rows = [self.stdio.link.traffic(), self.quic.link.traffic()]
        stdio, quic = (sum(t.flows_total for t in row.values()) for row in rows)
        return stdio, quic


@pytest.fixture
async def both(tmp_path: pathlib.Path) -> AsyncIterator[Both]:
    async with StdioPair() as stdio, QuicPair(write_fake(str(tmp_path))) as quic:
        yield Both(stdio, quic)


async def settle(both: Both) -> None:
    """Wait until the sidecar has done what it was asked."""
    async with asyncio.timeout(WAIT_S):
        while not both.quic.link._work.empty():  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0)
    await both.quic.refresh()  # behind it in the sidecar's queue
    await both.quic.push()


async def use(both: Both, kind: LinkKind) -> None:
    both.switch.use(kind)
    await settle(both)


async def one_flow(binding: Binding) -> None:
    reader, writer = await dial(binding)
    await echo(reader, writer, b"hello")
    writer.close()


async def test_new_flows_follow_the_choice_and_open_ones_stay(both: Both) -> None:
    async with Service() as service:
        binding = both.bind(service.port)
        reader, writer = await dial(binding)
        await echo(reader, writer, b"on stdio")
        await use(both, LinkKind.QUIC)
        await one_flow(binding)
        assert await both.carried() == (1, 1)
        await use(both, LinkKind.STDIO)
        await one_flow(binding)
        assert await both.carried() == (2, 1)
        await echo(reader, writer, b"still on stdio")
        writer.close()
        assert both.switch.traffic()[binding.service].flows_total == 3


async def test_a_held_service_belongs_to_stdio(both: Both) -> None:
    async with Service() as service:
        binding = both.bind(service.port)
        await use(both, LinkKind.QUIC)
        both.switch.hold(binding.service, 10.0)
        await settle(both)
        reader, writer = await dial(binding)
        writer.write(b"patience")
        async with asyncio.timeout(WAIT_S):
            while not both.stdio.link.has_waiting(binding):  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0)
        both.switch.hold(binding.service, None)
        async with asyncio.timeout(WAIT_S):
            assert await reader.readexactly(8) == b"patience"
        writer.close()
        await settle(both)
        await one_flow(binding)
        assert await both.carried() == (1, 1)


async def test_a_binding_that_asks_about_its_peers_lets_the_sidecar_ask(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    true = both.quic.here.ask

    async def ask(command: control.Command, *rest: Any, **more: Any) -> Any:
        if isinstance(command, control.Adopt):
            asked.append(command.own_user)
        return await true(command, *rest, **more)

    monkeypatch.setattr(both.quic.here, "ask", ask)
    async with Service() as service:
        binding = both.bind(service.port, accepts=lambda _peer: b"ours")
        both.bind(service.port + 1)
        await use(both, LinkKind.QUIC)
        await one_flow(binding)
        assert await both.carried() == (0, 1)
    assert asked == [True, False]


async def test_a_sidecar_that_dies_gives_everything_back(both: Both) -> None:
    async with Service() as service:
        binding = both.bind(service.port)
        await use(both, LinkKind.QUIC)
        await one_flow(binding)
        before = await both.carried()
        await both.quic.here.shut()
        both.switch.use(LinkKind.STDIO)
        await both.quic.link.detach()
        await one_flow(binding)
        stdio, quic = (
            sum(t.flows_total for t in link.traffic().values())
            for link in (both.stdio.link, both.quic.link)
        )
        assert (stdio, quic) == (before[0] + 1, before[1]), "what it carried is still counted"


async def test_what_the_sidecar_refuses_stays_on_stdio(tmp_path: pathlib.Path) -> None:
    path = write_fake(str(tmp_path), "refuses")
    async with StdioPair() as stdio, QuicPair(path) as quic, Service() as service:
        both = Both(stdio, quic)
        binding = both.bind(service.port)
        await use(both, LinkKind.QUIC)
        both.switch.settle()
        await one_flow(binding)
        assert await both.carried() == (1, 0)


async def test_a_binding_that_is_taken_too_late_is_let_go(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = both.quic.here.ask

    async def ask(command: control.Command, *rest: Any, **more: Any) -> Any:
        if isinstance(command, control.Adopt):
            more["limit_s"] = 0.01
        return await true(command, *rest, **more)

    monkeypatch.setattr(both.quic.here, "ask", ask)
    async with Service() as service:
        binding = both.bind(service.port)
        seat = both.switch._seats[binding.service][binding.local]
        os.kill(both.quic.here.pid, signal.SIGSTOP)
        both.switch.use(LinkKind.QUIC)
        await until(lambda: seat.is_refused)
        os.kill(both.quic.here.pid, signal.SIGCONT)
        await settle(both)
        await one_flow(binding)
        assert await both.carried() == (1, 0)
        both.switch.release(binding)
        reader, writer = await dial(binding)  # the kernel's queue takes it, nobody else
        with pytest.raises(TimeoutError):
            await read(reader, 0.1)
        writer.close()


async def test_a_released_binding_leaves_both(both: Both) -> None:
    async with Service() as service:
        binding = both.bind(service.port)
        await use(both, LinkKind.QUIC)
        both.switch.release(binding)
        await settle(both)
        reader, writer = await dial(binding)
        with pytest.raises(TimeoutError):
            await read(reader, 0.1)
        writer.close()
        await both.switch.close()
