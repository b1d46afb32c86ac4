"""Questions answered by a line."""

from __future__ import annotations

import asyncio
import os
import pty
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from port_linker.ui.prompt import MAX_TRIES, LinePrompt
from tests.ui.samples import question


@dataclass
class Person:
    """Types into a pipe and remembers what was said."""

    reader: int
    writer: int
    heard: list[str] = field(default_factory=list)
    asked: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    def hears(self, text: str) -> None:
        self.heard.append(text)
        if "(x kill" in text:
            self.asked.release()

    def types(self, text: str) -> None:
        os.write(self.writer, text.encode())


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
    reader, writer = os.pipe()
    yield Person(reader, writer)
    os.close(reader)


async def ask(prompt: LinePrompt, number: int = 1) -> str | None:
    return await asyncio.wait_for(prompt.ask(question(number)), 10)


@pytest.mark.parametrize(
    ("typed", "word"), [("r\n", "remap"), (" REMAP \n", "remap"), ("\n", "skip"), ("s\n", "skip")]
)
async def test_an_answer_is_a_letter_a_word_or_the_default(
    person: Person, typed: str, word: str
) -> None:
    prompt = LinePrompt(person.reader, person.hears)
    person.types(typed)
    assert await ask(prompt) == word
    os.close(person.writer)


async def test_a_wrong_answer_is_asked_again_and_then_the_default_stands(person: Person) -> None:
    prompt = LinePrompt(person.reader, person.hears)
    asked = asyncio.ensure_future(ask(prompt))
    for _ in range(MAX_TRIES):
        await asyncio.wait_for(person.asked.acquire(), 10)
        person.types("k\n")
    assert await asked == "skip"
    assert person.heard.count('"k" is not one of the answers') == MAX_TRIES
    os.close(person.writer)


async def test_the_end_of_input_answers_nothing_from_then_on(person: Person) -> None:
    prompt = LinePrompt(person.reader, person.hears)
    os.close(person.writer)
    assert await ask(prompt) is None
    assert not prompt.available
    assert await ask(prompt) is None
    assert len(person.heard) == 1


async def test_a_question_that_settled_itself_leaves_the_next_one_alone(person: Person) -> None:
    prompt = LinePrompt(person.reader, person.hears)
    first = asyncio.ensure_future(prompt.ask(question(1)))
    second = asyncio.ensure_future(ask(prompt, 2))
    await asyncio.wait_for(person.asked.acquire(), 10)
    first.cancel()
    person.types("r\n")
    assert await second == "remap"
    assert first.cancelled()
    os.close(person.writer)


async def test_in_the_background_nothing_is_read(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = LinePrompt(person.reader, person.hears)
    asked = asyncio.ensure_future(ask(prompt))
    await asyncio.wait_for(person.asked.acquire(), 10)
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: 1)
    person.types("k\n")
    assert await asked is None
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
    assert prompt.available  # back in the foreground
    assert os.read(person.reader, 10) == b"k\n"
    os.close(person.writer)


@pytest.mark.parametrize(("said", "word"), [("yes\n", "kill"), ("Y\n", "kill"), ("x\n", "skip")])
async def test_what_cannot_be_undone_is_confirmed(person: Person, said: str, word: str) -> None:
    confirming = asyncio.Event()

    def hear(text: str) -> None:
        person.hears(text)
        if "Type yes" in text:
            confirming.set()

    asked = asyncio.ensure_future(ask(LinePrompt(person.reader, hear)))
    await asyncio.wait_for(person.asked.acquire(), 10)
    person.types("x\n")
    await asyncio.wait_for(confirming.wait(), 10)
    person.types(said)
    if word == "skip":
        await asyncio.wait_for(person.asked.acquire(), 10)
        person.types("s\n")
    assert await asked == word
    os.close(person.writer)


async def test_what_was_typed_before_the_question_is_no_answer(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
    ours, theirs = pty.openpty()
    os.write(ours, b"kill\n")
    asked = asyncio.ensure_future(ask(LinePrompt(theirs, person.hears)))
    await asyncio.wait_for(person.asked.acquire(), 10)
    await asyncio.sleep(0)
    os.write(ours, b"remap\n")
    assert await asked == "remap"
    for number in (ours, theirs, person.writer):
        os.close(number)


def test_without_a_controlling_terminal_nobody_can_answer() -> None:
    reader, writer = os.pipe()
    assert not LinePrompt(reader, print).available
    os.close(reader)
    os.close(writer)
