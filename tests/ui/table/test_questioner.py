"""Questions above the table."""

from __future__ import annotations

import asyncio

import pytest

from port_linker.ui.table import dialogs
from port_linker.ui.table.questioner import Questioner
from tests.ui.samples import HOSTILE, question
from tests.ui.screen import Stage, open_stage


@pytest.fixture(autouse=True)
def quiet_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let keys count at once; test_dialogs.py waits for the quiet."""
    monkeypatch.setattr(dialogs, "QUIET_S", 1e-6)


def ask(stage: Stage, number: int = 1, sentence: str | None = None) -> asyncio.Task[str | None]:
    asked = question(number) if sentence is None else question(number, sentence)
    return asyncio.ensure_future(stage.app.questioner.ask(asked))


async def settle(stage: Stage) -> str:
    for _ in range(5):
        await stage.pilot.pause()
    return "\n".join(stage.text())


async def quiet_foot(stage: Stage) -> str:
    """Return the foot once the question's keys count: its timer has fired."""
    async with asyncio.timeout(10):
        while "keys count" in (foot := (await settle(stage)).split("\n")[-1]):
            pass
    return foot


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ("x y", "kill"),
        ("x n r", "remap"),
        ("r", "remap"),
        ("s", "skip"),
        ("enter", "skip"),
        ("escape", "skip"),
    ],
)
async def test_a_key_answers(key: str, word: str) -> None:
    async with open_stage() as stage:
        answer = ask(stage)
        shown = await settle(stage)
        assert "8080 is held here by node (pid 71)." in shown
        assert "x  kill: end that process and take the port" in shown
        assert "Enter: skip" in shown
        await stage.pilot.press("c", "space", "q", *key.split())
        assert await answer == word
        assert "held here" not in await settle(stage)


async def test_everything_needed_fits_into_40_by_10() -> None:
    async with open_stage(40, 10) as stage:
        answer = ask(stage)
        shown = await settle(stage)
        for text in ("node (pid", "x  kill", "r  remap", "s  skip", "Enter: skip"):
            assert text in shown
        await stage.pilot.press("x")
        assert "kill that process; what it has" in await settle(stage)
        await stage.pilot.press("y")
        assert await answer == "kill"


async def test_questions_come_one_after_the_other() -> None:
    async with open_stage() as stage:
        first, second = ask(stage, 1, "First?"), ask(stage, 2, "Second?")
        assert "Second?" not in await settle(stage)
        await stage.pilot.press("x", "y")
        assert "Second?" in await settle(stage)
        await stage.pilot.press("r")
        assert (await first, await second) == ("kill", "remap")


async def test_the_default_for_all_that_wait() -> None:
    async with open_stage() as stage:
        first = ask(stage, 1)
        await settle(stage)
        await stage.pilot.press("a")  # nothing waits: no such answer
        others = [ask(stage, n) for n in (2, 3, 4)]
        await settle(stage)
        await stage.pilot.press("x", "y")
        assert "a  skip this and 2 more" in await settle(stage)
        await stage.pilot.press("a")
        assert [await task for task in (first, *others)] == ["kill", "skip", "skip", "skip"]


async def test_a_question_that_settled_itself_leaves_the_screen() -> None:
    async with open_stage() as stage:
        shown, waiting, last = ask(stage, 1, "Shown?"), ask(stage, 2, "Waits?"), ask(stage, 3)
        await settle(stage)
        waiting.cancel()
        shown.cancel()
        text = await settle(stage)
        assert "Shown?" not in text
        assert "Waits?" not in text
        await stage.pilot.press("x", "y")
        assert await last == "kill"


async def test_no_question_opens_over_a_filter_that_is_being_typed() -> None:
    async with open_stage() as stage:
        await stage.pilot.press("slash")
        answer, other = ask(stage, 1), ask(stage, 2)
        await stage.pilot.press(*"x")
        shown = await settle(stage)
        assert "2 questions wait: Enter or Esc ends the filter first." in shown
        assert "/x" in shown
        assert "held here" not in shown
        await stage.pilot.press("enter")
        assert "held here" in await settle(stage)
        await stage.pilot.press("a")
        assert (await answer, await other) == ("skip", "skip")


async def test_the_foot_offers_what_works_and_nothing_else() -> None:
    async with open_stage(90, 12) as stage:
        answer = ask(stage)
        await settle(stage)
        await stage.pilot.press("left")
        foot = await quiet_foot(stage)
        assert foot == "x kill  r remap  s skip  Enter skip  Ctrl-C quit"
        await stage.pilot.press("x")
        assert (await settle(stage)).split("\n")[-1] == "y kill  Esc back"
        await stage.pilot.press("y")
        assert await answer == "kill"
        assert "q quit" in (await settle(stage)).split("\n")[-1]
        await stage.pilot.press("question_mark")
        assert (await settle(stage)).split("\n")[-1] == "↑↓ scroll  q close"


async def test_one_that_settled_below_another_dialog_leaves_when_that_closes() -> None:
    async with open_stage(80, 30) as stage:
        await stage.pilot.press("question_mark")
        answer = ask(stage)
        await settle(stage)
        await stage.pilot.press("r", "escape")
        assert await answer == "remap"


async def test_hostile_sentences_are_shown_as_text() -> None:
    async with open_stage(100, 20) as stage:
        answer = ask(stage, sentence=HOSTILE)
        shown = await settle(stage)
        assert "[bold red]x[/]" in shown
        assert shown.replace("\n", "").replace("\ufffd", "").isprintable()
        await stage.pilot.press("s")
        assert await answer == "skip"


async def test_who_leaves_answers_nothing() -> None:
    async with open_stage() as stage:
        shown, waiting = ask(stage, 1), ask(stage, 2)
        await settle(stage)
        stage.app.questioner.stop()
        assert await shown is None
        assert await waiting is None


async def test_what_was_asked_before_the_table_began_is_asked_then() -> None:
    async with open_stage() as stage:
        questioner = Questioner(stage.app, lambda: False, stage.app.draw)
        answer = asyncio.ensure_future(questioner.ask(question(1, "Early?")))
        assert "Early?" not in await settle(stage)
        questioner.start()
        assert "Early?" in await settle(stage)
        await stage.pilot.press("x", "y")
        assert await answer == "kill"
