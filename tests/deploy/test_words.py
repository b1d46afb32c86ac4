"""What ssh says is shown once: by itself, or in the error that quotes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from port_linker.deploy import words
from port_linker.deploy.words import LastWords
from port_linker.errors import UnreachableError

SAID = "ssh: Could not resolve hostname dev1: Name or service not known"


def play(act: Callable[[LastWords], object]) -> list[str]:
    shown: list[str] = []

    async def run() -> None:
        act(LastWords(shown.append))

    asyncio.run(run())
    return shown


def test_a_line_that_the_error_quotes_is_not_shown_too() -> None:
    def act(last: LastWords) -> None:
        last.put("a banner")
        last.put(SAID)
        last.settle(UnreachableError(f"no address was found for dev1: {SAID}", "", "PL-X"))

    assert play(act) == ["a banner"]


def test_what_ssh_says_behind_the_line_that_is_quoted_is_shown() -> None:
    def act(last: LastWords) -> None:
        last.put(SAID)
        last.put("Connection closed by UNKNOWN port 65535")
        last.settle(UnreachableError(f"no address was found: {SAID}", "", "PL-X"))

    assert play(act) == ["Connection closed by UNKNOWN port 65535"]


def test_a_flood_is_not_held() -> None:
    def act(last: LastWords) -> None:
        for number in range(words.MAX_HELD + 1):
            last.put(str(number))

    assert play(act) == [str(number) for number in range(words.MAX_HELD)]


def test_a_line_that_the_error_does_not_quote_is_shown() -> None:
    def act(last: LastWords) -> None:
        last.put(SAID)
        last.settle(UnreachableError("dev1 did not answer", "", "PL-X"))

    assert play(act) == [SAID]


def test_after_the_login_lines_are_shown_at_once_and_in_their_order() -> None:
    def act(last: LastWords) -> None:
        last.put("one")
        last.release()
        last.put("two")

    assert play(act) == ["one", "two"]


def test_a_person_who_is_asked_sees_the_line_soon() -> None:
    async def run() -> str:
        shown: asyncio.Queue[str] = asyncio.Queue()
        LastWords(shown.put_nowait).put("Permission denied, please try again.")
        return await asyncio.wait_for(shown.get(), words.HOLD_S + 5)

    assert asyncio.run(run()) == "Permission denied, please try again."
