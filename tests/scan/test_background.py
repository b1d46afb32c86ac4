"""Answers from threads that may hang."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from port_linker.scan import background
from port_linker.scan.background import Background
from tests.scan.fake_proc import Clock

WAIT_S = 10.0


def test_answers_come_once_and_the_thread_ends() -> None:
    looked_up: Background[int, int] = Background(lambda key: key * 2, "double")
    looked_up.request([1, 2, 2])
    assert looked_up.take(WAIT_S) == {1: 2, 2: 4}
    assert not looked_up.has_answers
    assert looked_up.take() == {}
    looked_up.request([1])
    assert looked_up.take(WAIT_S) == {1: 2}


def test_what_is_asked_for_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_MAX_PENDING", 2)
    looked_up: Background[int, int] = Background(lambda key: key, "same")
    looked_up.request([1, 2, 3])
    assert looked_up.take(WAIT_S) == {1: 1, 2: 2}


class Hanging:
    """A function that hangs for odd keys until released."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.release = threading.Event()
        self.left = threading.Semaphore(0)

    def __call__(self, key: int) -> int:
        if key % 2:
            self.entered.release()
            self.release.wait(WAIT_S)
            self.left.release()
        return key


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    function = Hanging()
    yield function
    function.release.set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("port_linker.clock.monotonic_s", clock)
    return clock


def ask(looked_up: Background[int, int], hanging: Hanging, key: int) -> None:
    looked_up.request([key])
    assert hanging.entered.acquire(timeout=WAIT_S)


def test_nobody_waits_for_an_answer_that_hangs(hanging: Hanging) -> None:
    looked_up: Background[int, int] = Background(hanging, "hanging")
    ask(looked_up, hanging, 1)
    assert looked_up.take(wait_s=0.001) == {}


def test_an_answer_that_hangs_is_given_up_and_the_others_come(
    hanging: Hanging, clock: Clock
) -> None:
    looked_up: Background[int, int] = Background(hanging, "hanging")
    ask(looked_up, hanging, 1)
    looked_up.request([2])
    assert looked_up.take() == {}
    clock.now_s += 6
    looked_up.request([4])
    assert looked_up.take(WAIT_S) == {2: 2, 4: 4}
    hanging.release.set()
    assert hanging.left.acquire(timeout=WAIT_S)
    looked_up.request([6])
    assert looked_up.take(WAIT_S) == {6: 6}  # the late answer to 1 is not taken


def test_after_too_many_that_hang_nothing_is_looked_up(hanging: Hanging, clock: Clock) -> None:
    looked_up: Background[int, int] = Background(hanging, "hanging")
    for key in (1, 3, 5):
        ask(looked_up, hanging, key)
        clock.now_s += 6
    looked_up.request([2])
    assert looked_up.take(wait_s=0.001) == {}
    assert not looked_up.has_answers


def test_a_function_of_any_kind_will_do() -> None:
    function: Callable[[str], int] = len
    looked_up: Background[str, int] = Background(function, "length")
    looked_up.request(["abc"])
    assert looked_up.take(WAIT_S) == {"abc": 3}
