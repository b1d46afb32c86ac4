"""Windows above the table show their text as it is."""

from __future__ import annotations

import pytest
from textual.app import App

from port_linker.ui.dialogs import DEFAULT_FOR_ALL, QuestionScreen, TextScreen
from tests.ui.samples import question


@pytest.mark.parametrize("key", ["escape", "enter", "q", "question_mark"])
async def test_a_text_closes_on_a_key_and_not_on_another(key: str) -> None:
    app: App[None] = App()
    async with app.run_test() as pilot:
        app.push_screen(TextScreen("Keys", ["[red]one[/]", "two"]))
        await pilot.press("x")
        assert isinstance(app.screen, TextScreen)
        shown = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        assert "Keys" in shown
        assert "[red]one[/]" in shown
        await pilot.press(key)
        assert not isinstance(app.screen, TextScreen)


@pytest.mark.parametrize(
    ("waiting", "keys", "answer"),
    [
        (0, "k", "kill"),
        (0, "K", "kill"),
        (0, "a r", "remap"),
        (3, "a", DEFAULT_FOR_ALL),
        (0, "left space escape", "skip"),
    ],
)
async def test_a_question_takes_its_own_answers_only(waiting: int, keys: str, answer: str) -> None:
    app: App[None] = App()
    answers: list[str | None] = []
    async with app.run_test() as pilot:
        app.push_screen(QuestionScreen(question(), waiting), answers.append)
        await pilot.press(*keys.split())
        await pilot.pause()
    assert answers == [answer]
