"""The session's clock."""

from __future__ import annotations

import asyncio

import pytest

from port_linker import clock
from port_linker.session import pulse
from port_linker.tasks import start_task, stop_task


async def test_a_sleep_is_told_before_the_tick_that_saw_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pulse, "TICK_S", 0.001)
    told: list[str] = []
    ahead = [0.0]
    real = clock.boottime_s
    monkeypatch.setattr(clock, "boottime_s", lambda: real() + ahead[0])
    enough = asyncio.Event()

    def on_tick() -> None:
        told.append("tick")
        ahead[0] = 3600.0
        if len(told) >= 4:
            enough.set()

    task = start_task(pulse.run_pulse(on_tick, lambda: told.append("wake")), "pulse")
    async with asyncio.timeout(10):
        await enough.wait()
    await stop_task(task)
    assert told[:4] == ["tick", "wake", "tick", "tick"]
