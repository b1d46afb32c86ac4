"""The agent's log waits for the host, within bounds, and comes from any thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from port_linker.agent import outlog
from port_linker.agent.outlog import LogSender
from tests.fakes.waiting import until

LOGGER = logging.getLogger("port_linker.test")


class FakeEngine:
    """An engine and its machine in one, attached when the test says so."""

    def __init__(self) -> None:
        self.is_attached = True
        self.is_choked = False
        self.sent: list[str] = []
        self.threads: set[int] = set()
        self.machine = self

    def send_control(self, message: dict[str, Any]) -> None:
        self.threads.add(threading.get_ident())
        assert message["t"] == "log"
        assert message["at"] > 0
        self.sent.append(message["message"])

    def flush(self) -> None:
        self.sent.append("flush")


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    made = FakeEngine()
    sender = LogSender(made)  # type: ignore[arg-type]
    sender.open()
    yield made
    sender.close()
    LOGGER.warning("after the end")
    assert "after the end" not in made.sent


async def test_a_line_leaves_at_once_when_the_host_listens(engine: FakeEngine) -> None:
    LOGGER.info("news")
    LOGGER.debug("detail")
    assert engine.sent == ["news", "flush"]


@pytest.mark.parametrize("reason", ["away", "does not read"])
async def test_lines_wait_and_the_oldest_leave(
    engine: FakeEngine, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlog, "KEPT_LINES", 3)
    engine.is_attached, engine.is_choked = reason != "away", reason != "away"
    for number in range(5):
        LOGGER.info("line %d", number)
    assert engine.sent == []
    engine.is_attached, engine.is_choked = True, False
    LOGGER.info("back")
    assert engine.sent == ["line 3", "line 4", "back", "flush"]


async def test_a_line_of_another_thread_is_sent_from_the_loops(engine: FakeEngine) -> None:
    thread = threading.Thread(target=LOGGER.warning, args=("from a thread",))
    thread.start()
    await until(lambda: "flush" in engine.sent)
    thread.join()
    assert engine.threads == {threading.get_ident()}
