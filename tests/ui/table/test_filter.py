"""The line in which a filter is typed."""

from __future__ import annotations

from tests.ui.samples import service
from tests.ui.screen import open_stage


async def test_it_stands_behind_a_slash_and_searches_what_is_shown() -> None:
    async with open_stage() as stage:
        await stage.fold(service(8000, process="web"), service(53, proto="udp", local=()))
        await stage.pilot.press("slash", *"LOCALHOST:8")
        assert stage.text()[-2] == "/LOCALHOST:8"
        assert "8000/tcp" in "\n".join(stage.text())
        assert stage.app._grid.place == (1, 1)
        await stage.pilot.press("enter")
        assert not stage.app.is_typing
        assert stage.text()[-2] == "/LOCALHOST:8"
        await stage.pilot.press("escape")
        assert stage.app._grid.place[1] == 2
        assert "/LOCAL" not in "\n".join(stage.text())


async def test_it_leaves_when_the_slash_is_taken_back() -> None:
    async with open_stage() as stage:
        await stage.pilot.press("slash", "a", "backspace")
        assert stage.app.is_typing
        await stage.pilot.press("backspace")
        assert not stage.app.is_typing
