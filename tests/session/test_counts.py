"""What the agent is asked about an attempt's link, and how long one waits for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from port_linker.errors import PortLinkerError
from port_linker.link.faults import SidecarFailed
from port_linker.protocol.gauge import QuicCounted, QuicGauged
from port_linker.session.counts import AgentCounts

SECRET = "ab" * 32


class Asked(AgentCounts):
    """Counts of attempt 3, and what was sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.end: asyncio.Future[PortLinkerError] = asyncio.get_running_loop().create_future()
        super().__init__(3, self.sent.append, self.end)


async def test_an_answer_comes_to_who_asked() -> None:
    asked = Asked()
    count = asyncio.ensure_future(asked.ask_count(5))
    port = asyncio.ensure_future(asked.ask_gauge(SECRET, 5))
    await asyncio.sleep(0)
    assert [message["t"] for message in asked.sent] == ["quic-count", "quic-gauge"]
    asked.take(QuicCounted(2, 1, 1))  # of another attempt
    asked.take(QuicCounted(3, 100, 2))
    asked.take(QuicGauged(3, 45000))
    asked.take(QuicGauged(3, 45001))
    assert await count == asked.counted == QuicCounted(3, 100, 2)
    assert await port == 45000


async def test_the_newest_count_is_kept_though_nobody_waits() -> None:
    asked = Asked()
    assert asked.counted is None
    asked.send_count()
    asked.take(QuicCounted(3, 100, 2))
    asked.take(QuicCounted(3, 200, 2))
    assert asked.counted == QuicCounted(3, 200, 2)


async def test_one_question_waits_through_an_outage_however_often_it_is_asked() -> None:
    asked = Asked()
    for _second in range(60):
        asked.send_count()
    assert len(asked.sent) == 1
    asked.take(QuicCounted(3, 100, 2))
    asked.send_count()
    assert len(asked.sent) == 2


async def test_silence_and_the_end_of_the_attempt_end_the_wait() -> None:
    asked = Asked()
    with pytest.raises(SidecarFailed, match="does not answer"):
        await asked.ask_count(0.01)
    wait = asyncio.ensure_future(asked.ask_gauge(SECRET, 60))
    await asyncio.sleep(0)
    asked.end.set_result(PortLinkerError("gone"))
    with pytest.raises(SidecarFailed):
        await wait
