"""Answers belong to a port, an owner, a program and a container; never to a process."""

from __future__ import annotations

from dataclasses import replace

import pytest

from port_linker.ports import policy as answers_module
from port_linker.ports.policy import Answers
from tests.ports.kit import BOB, service

WEB = service("127.0.0.1:80", process="web", pid=7, command="web --one")


def test_an_answer_outlives_the_process_and_its_address() -> None:
    answers = Answers()
    assert answers.of(WEB) is None
    answers.put(WEB, "skip")
    assert answers.of(replace(WEB, pid=8, command="web --two")) == "skip"
    assert answers.of(replace(WEB, id=service("tcp/[::]:80").id)) == "skip"
    answers.put(WEB, "remap")
    assert answers.of(WEB) == "remap"


@pytest.mark.parametrize(
    "other",
    [
        replace(WEB, process="db"),
        replace(WEB, uid=BOB),
        replace(WEB, container="shop"),
        service("127.0.0.1:81", process="web"),
        service("udp/127.0.0.1:80", process="web"),
    ],
)
def test_another_service_has_no_answer(other: object) -> None:
    answers = Answers()
    answers.put(WEB, "skip")
    assert answers.of(other) is None  # type: ignore[arg-type]


def test_a_program_that_is_not_seen_yet_is_the_one_that_was_answered_about() -> None:
    answers = Answers()
    answers.put(WEB, "skip")
    assert answers.of(replace(WEB, process=None, pid=None)) == "skip"
    unseen = Answers()
    unseen.put(replace(WEB, process=None, pid=None), "skip")
    assert unseen.of(WEB) == "skip"


def test_an_answer_is_taken_back_once() -> None:
    answers = Answers()
    answers.put(WEB, "skip")
    assert answers.take_back(WEB)
    assert answers.of(WEB) is None
    assert not answers.take_back(WEB)


def test_the_oldest_answers_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers_module, "MAX_ANSWERS", 2)
    monkeypatch.setattr(answers_module, "MAX_PROGRAMS", 2)
    answers = Answers()
    for port in (1, 2, 3):
        answers.put(service(f"127.0.0.1:{port}", process="x"), "skip")
    held = [answers.of(service(f"127.0.0.1:{port}", process="x")) for port in (1, 2, 3)]
    assert held == [None, "skip", "skip"]
    for name in ("a", "b"):
        answers.put(service("127.0.0.1:3", process=name), "remap")
    assert answers.of(service("127.0.0.1:3", process="x")) is None
