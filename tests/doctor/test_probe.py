"""A link to measure by: waits that end, answers that find their question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from port_linker.deploy.channel import AgentChannel, AgentRestarted, ChannelEnded, ChannelEvent
from port_linker.doctor.probe import LinkProbe
from port_linker.errors import LinkLost, TargetError
from port_linker.protocol.gauge import QuicCounted
from port_linker.protocol.quic import QuicEnded


class FakeChannel(AgentChannel):
    """A channel of which only the events are real."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[ChannelEvent] = asyncio.Queue()

    async def wait_event(self) -> ChannelEvent:
        return await self.events.get()


@pytest.fixture
async def probe() -> AsyncIterator[LinkProbe]:
    made = LinkProbe(FakeChannel())
    yield made
    await made.close()


async def test_an_answer_finds_its_question(probe: LinkProbe) -> None:
    first = asyncio.ensure_future(probe.ask("probe", 5))
    second = asyncio.ensure_future(probe.ask("measure", 5, bytes=0))
    await asyncio.sleep(0)
    probe.on_control({"t": "measured", "id": 2})
    probe.on_control({"t": "measured", "id": 2})
    probe.on_control({"t": "measured", "id": 99})
    probe.on_control({"t": "probed", "id": 1, "x": 1})
    assert (await first)["x"] == 1
    assert (await second)["id"] == 2


async def test_silence_has_an_end_and_quotes_the_last_complaint(probe: LinkProbe) -> None:
    probe.on_control({"t": "log", "level": "info", "message": "fine"})
    with pytest.raises(TargetError, match=r"within 0\.01 s$"):
        await probe.ping(0.01)
    probe.on_control({"t": "log", "level": "error", "message": "no\x1bsockets"})
    with pytest.raises(TargetError, match="it said: no\ufffdsockets"):
        await probe.facts(0.01)


async def test_a_lost_link_ends_every_wait(probe: LinkProbe) -> None:
    wait = asyncio.ensure_future(probe.ask("probe", 5))
    await asyncio.sleep(0)
    probe.on_link_lost("the pipe ended")
    probe.on_link_lost("again")
    with pytest.raises(LinkLost, match="the pipe ended"):
        await wait


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (AgentRestarted(7, b""), "the agent died and was started again"),
        (ChannelEnded(None), "the agent ended"),
        (ChannelEnded(LinkLost("ssh is gone")), "ssh is gone"),
    ],
)
async def test_a_channel_that_ends_is_a_lost_link(event: ChannelEvent, reason: str) -> None:
    channel = FakeChannel()
    probe = LinkProbe(channel)
    channel.events.put_nowait(event)
    with pytest.raises(LinkLost, match=reason):
        await probe.ping(5)
    await probe.close()


async def test_what_comes_is_counted_and_facts_are_kept_once(probe: LinkProbe) -> None:
    for message in (
        {"t": "padding", "fill": "...."},
        {"t": "services", "appeared": [1, 2]},
        {"t": "facts", "uid": 1},
        {"t": "facts", "uid": 2},
        {"t": "unknown"},
    ):
        probe.on_control(message)
    assert (probe.filled_bytes, probe.services) == (4, 2)
    assert (await probe.facts(1))["uid"] == 1


async def test_words_of_quic_go_to_the_attempt(
    probe: LinkProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[object] = []
    probe.on_control({"t": "quic-ended", "attempt": 1, "reason": "nobody asked"})

    class Attempt:
        number = 1
        take_message = staticmethod(said.append)

    monkeypatch.setattr(probe, "_quic", Attempt)
    probe.on_control({"t": "quic-ended", "attempt": 1, "reason": "no"})
    probe.on_control({"t": "quic-counted", "attempt": 1, "sent": 5, "lost": 0})
    probe.on_control({"t": "quic-later"})
    assert said == [QuicEnded(1, "no"), QuicCounted(1, 5, 0)]
    probe.on_control({"t": "quic-counted"})
    assert said[-1] == QuicEnded(1, "a malformed quic-counted"), "who waits hears of the end"
    monkeypatch.setattr(probe, "_quic", None)


async def test_a_goodbye_without_a_link_says_nothing(probe: LinkProbe) -> None:
    await asyncio.wait_for(probe.say_goodbye(60), 5)
