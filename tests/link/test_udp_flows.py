"""UDP over the stdio link: sizes, clients, idle ends, outages."""

from __future__ import annotations

import pytest

from port_linker.model import Proto
from port_linker.mux import udp as mux_udp
from tests.fakes.services import (
    ask_udp,
    serve_udp,
    udp_client,
)
from tests.fakes.stdio_pair import FakeAgent, StdioPair
from tests.fakes.waiting import until


async def test_associations_of_a_service_can_be_reset(pair: StdioPair) -> None:
    async with serve_udp() as port:
        binding = pair.mirror(port, Proto.UDP)
        client = await udp_client(binding)
        assert await ask_udp(client, b"x") == b"x"
        client.close()
        traffic = pair.link.traffic()[binding.service]
        assert traffic.flows_open == 1
        pair.link.reset_flows(binding.service)
        assert traffic.flows_open == 0
        await until(lambda: pair.agent.opener.traffic.flows_open == 0)


async def test_datagrams_of_any_size_find_their_client(pair: StdioPair) -> None:
    async with serve_udp() as port:
        binding = pair.mirror(port, Proto.UDP)
        one, two = await udp_client(binding), await udp_client(binding)
        for size in (0, 1, 1200, 1472, 9000, 65_507):
            assert await ask_udp(one, b"1" * size) == b"1" * size
            assert await ask_udp(two, b"2" * size) == b"2" * size
        traffic = pair.link.traffic()[binding.service]
        assert traffic.flows_total == 2
        assert traffic.up_bytes == traffic.down_bytes > 130_000
        one.close()
        two.close()


async def test_an_idle_association_ends_and_the_next_datagram_opens_another(
    pair: StdioPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve_udp() as port:
        binding = pair.mirror(port, Proto.UDP)
        sock = await udp_client(binding)
        assert await ask_udp(sock, b"a") == b"a"
        monkeypatch.setattr(mux_udp, "IDLE_S", 0.0)
        pair.link._sweep()
        await until(lambda: pair.agent.opener.traffic.flows_open == 0)
        assert pair.link.traffic()[binding.service].flows_open == 0
        assert await ask_udp(sock, b"b") == b"b"
        assert pair.link.traffic()[binding.service].flows_total == 2
        sock.close()


async def test_past_the_limit_the_oldest_association_leaves(
    pair: StdioPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mux_udp, "MAX_ASSOCIATIONS", 2)
    monkeypatch.setattr(mux_udp, "SILENT_S", 0.0)
    async with serve_udp() as port:
        binding = pair.mirror(port, Proto.UDP)
        socks = [await udp_client(binding) for _ in range(3)]
        for sock in socks:
            assert await ask_udp(sock, b"a") == b"a"
        assert pair.link.traffic()[binding.service].flows_open == 2
        for sock in socks:
            sock.close()


async def test_datagrams_in_an_outage_are_lost_and_counted(pair: StdioPair) -> None:
    async with serve_udp() as port:
        binding = pair.mirror(port, Proto.UDP)
        sock = await udp_client(binding)
        pair.cut()
        sock.send(b"lost")
        traffic = pair.link.traffic()[binding.service]
        await until(lambda: traffic.datagrams_dropped == 1)
        await pair.connect()
        assert await ask_udp(sock, b"here") == b"here"
        pair.cut()
        sock.send(b"lost too")
        await until(lambda: traffic.datagrams_dropped == 2)
        sock.close()


async def test_udp_peers_that_may_not_and_services_that_are_not_there(pair: StdioPair) -> None:
    binding = pair.mirror(9, Proto.UDP, accepts=lambda _peer: None)
    sock = await udp_client(binding)
    sock.send(b"x")
    traffic = pair.link.traffic()[binding.service]
    await until(lambda: traffic.refused == 1)
    other = pair.mirror(10, Proto.UDP)
    pair.agent.services.clear()
    unknown = await udp_client(other)
    unknown.send(b"x")
    await until(lambda: pair.link.traffic()[other.service].refused == 1)
    sock.close()
    unknown.close()


async def test_a_new_agent_forgets_associations_and_they_come_back(pair: StdioPair) -> None:
    async with serve_udp() as port:
        binding = pair.mirror(port, Proto.UDP)
        sock = await udp_client(binding)
        assert await ask_udp(sock, b"a") == b"a"
        pair.cut()
        other = FakeAgent("agent-2")
        other.services.update(pair.agent.services)
        assert not await pair.connect(other)
        assert await ask_udp(sock, b"b") == b"b"
        pair.link.release(binding)
        await until(lambda: other.opener.traffic.flows_open == 0)
        sock.close()
