"""How long something that does not move is waited for."""

from __future__ import annotations

import pytest

from port_linker.mux.engine import Engine
from port_linker.mux.patience import Patience
from tests.fakes.waiting import until


class FakeEngine(Engine):
    """An engine whose link lives as long as the test says."""

    heard_bytes = 0
    is_up = True
    looks = 0

    def __init__(self) -> None:
        super().__init__(handler=None)  # type: ignore[arg-type]

    @property
    def received_bytes(self) -> int:
        self.looks += 1
        return self.heard_bytes

    @property
    def is_attached(self) -> bool:
        return self.is_up


@pytest.mark.parametrize("what", ["moves", "dark", "detached"])
async def test_it_is_over_when_nothing_moves_over_a_link_that_lives(what: str) -> None:
    engine, over = FakeEngine(), []
    moved = 0

    def count() -> int:
        nonlocal moved
        moved += what == "moves"
        engine.heard_bytes += what != "dark"
        return moved

    engine.is_up = what != "detached"
    Patience(engine, count, 0.002, lambda: over.append(1))
    await until(lambda: engine.looks >= 5)
    assert over == []
    what, engine.is_up = "", True
    await until(lambda: over)


async def test_it_can_be_stopped() -> None:
    over: list[int] = []
    patience = Patience(FakeEngine(), lambda: 1, 0.0, lambda: over.append(1))
    patience.stop()
    assert patience._timer is not None
    assert patience._timer.cancelled()
