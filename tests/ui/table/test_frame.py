"""What stands around the grid is drawn when it changed."""

from __future__ import annotations

import pytest
from textual.widgets import Static

from port_linker import clock
from port_linker.session.events import SessionState
from tests.ui.samples import AT, session
from tests.ui.screen import open_stage


async def test_parts_that_stay_are_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "wall_s", lambda: AT + 60)
    async with open_stage() as stage:
        await stage.fold(session(SessionState.UP))
        updated: list[str | None] = []
        monkeypatch.setattr(Static, "update", lambda self, _: updated.append(self.id))
        await stage.fold()
        assert updated == []
        await stage.fold(session(SessionState.OUTAGE))
        assert updated == ["header", "notice", "empty", "foot"]


async def test_a_sentence_stands_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 10.0
    monkeypatch.setattr(clock, "monotonic_s", lambda: now_s)
    async with open_stage() as stage:
        await stage.fold(session(SessionState.UP))
        stage.app.say("Look here.")
        await stage.pilot.pause()
        assert stage.text()[1] == "Look here."
        now_s = 14.0
        await stage.fold()
        assert stage.text()[1] != "Look here."
