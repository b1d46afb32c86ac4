"""Windows above the table show their text as it is."""

from __future__ import annotations

import pytest
from textual import events
from textual.app import App
from textual.events import Key

from port_linker.ui.table import dialogs
from port_linker.ui.table.dialogs import DEFAULT_FOR_ALL, QuestionScreen, TextScreen
from tests.ui.samples import question


@pytest.mark.parametrize("key", ["escape", "enter", "q", "question_mark"])
async def test_a_text_closes_on_a_key_and_not_on_another(key: str) -> None:
    app: App[None] = App()
    async with app.run_test() as pilot:
        app.push_screen(TextScreen(["[red]one[/]", "two"]))
        await pilot.press("x")
        assert isinstance(app.screen, TextScreen)
        shown = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        assert "[red]one[/]" in shown
        await pilot.press(key)
        assert not isinstance(app.screen, TextScreen)


async def test_a_text_that_is_too_long_can_be_scrolled_at_40_by_10() -> None:
    app: App[None] = App()
    async with app.run_test(size=(40, 10)) as pilot:
        lines = [f"line {n}" for n in range(20)] + ["a last line that is wider than the window is"]
        app.push_screen(TextScreen(lines))
        await pilot.press("down")

        def shown() -> str:
            return "\n".join(strip.text for strip in app.screen._compositor.render_strips())

        assert "line 1 " in shown()
        assert "2-8 of 22" in shown()
        await pilot.press("end")
        assert "window is" in shown()
        await pilot.press("home")
        assert "line 0 " in shown()
        assert "of 22" in shown()


def press(app: App[None], key: str, at_s: float) -> None:
    event = Key(key, key if len(key) == 1 else None)
    event.time = at_s
    app.screen.post_message(event)


@pytest.mark.parametrize("key", ["escape", "enter", "q"])
async def test_keys_that_come_faster_than_a_text_closes_do_no_harm(key: str) -> None:
    app: App[None] = App()
    async with app.run_test() as pilot:
        base = app.screen
        app.push_screen(TextScreen(["below"]))
        app.push_screen(TextScreen(["above"]))
        await pilot.pause()
        for _ in range(3):
            press(app, key, 0.0)  # all three reach the same screen
        await pilot.pause()
        assert isinstance(app.screen, TextScreen)
        for _ in range(3):
            press(app, key, 0.0)
        await pilot.pause()
        assert app.screen is base


async def test_a_question_is_answered_once() -> None:
    app: App[None] = App()
    answers: list[str | None] = []
    async with app.run_test() as pilot:
        app.push_screen(QuestionScreen(question(), 0), answers.append)
        await pilot.pause()
        later_s = events.Event().time + dialogs.QUIET_S
        for _ in range(3):
            press(app, "s", later_s)
        await pilot.pause()
        assert answers == ["skip"]


async def test_a_text_below_a_question_does_not_close_it() -> None:
    app: App[None] = App()
    answers: list[str | None] = []
    async with app.run_test() as pilot:
        text = TextScreen(["below"])
        app.push_screen(text)
        app.push_screen(QuestionScreen(question(), 0), answers.append)
        await pilot.pause()
        text.post_message(Key("q", "q"))
        await pilot.pause()
        assert isinstance(app.screen, QuestionScreen)
        assert answers == []


async def test_keys_count_once_the_keyboard_has_been_quiet() -> None:
    app: App[None] = App()
    answers: list[str | None] = []
    async with app.run_test() as pilot:
        app.push_screen(QuestionScreen(question(), 0), answers.append)
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, QuestionScreen)
        assert screen.foot == (("", "keys count after a second without one"),)
        opened_s = screen._typed_s
        for step in range(30):  # a key that is held repeats every 30 ms
            press(app, "enter", opened_s + 0.03 * step)
        press(app, "r", opened_s + 1.8)  # 0.93 s after the last one
        await pilot.pause()
        assert not answers
        press(app, "r", opened_s + 2.9)
        await pilot.pause()
    assert answers == ["remap"]


@pytest.mark.parametrize(
    ("waiting", "keys", "answer"),
    [
        (0, "x y", "kill"),
        (0, "X y", "kill"),
        (0, "x r s", "skip"),  # any other key than y leads back, whatever it would answer there
        (0, "x enter r", "remap"),
        (0, "a r", "remap"),
        (3, "a", DEFAULT_FOR_ALL),
        (0, "left space escape", "skip"),
    ],
)
async def test_a_question_takes_its_own_answers_only(
    waiting: int, keys: str, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialogs, "QUIET_S", 1e-6)
    app: App[None] = App()
    answers: list[str | None] = []
    async with app.run_test() as pilot:
        app.push_screen(QuestionScreen(question(), waiting), answers.append)
        await pilot.pause()
        await pilot.press(*keys.split())
        await pilot.pause()
    assert answers == [answer]
