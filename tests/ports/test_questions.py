"""What a person is asked, and in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from port_linker.ports import questions as questions_module
from port_linker.ports.commands import AskUser, WithdrawQuestion
from port_linker.ports.questions import Questions, choices_for, describe_service
from tests.ports.kit import NODE, service

ONE, TWO, THREE = (service(f"127.0.0.1:{port}") for port in (3000, 3001, 3002))


@pytest.fixture
def two_open(monkeypatch: pytest.MonkeyPatch) -> Questions:
    monkeypatch.setattr(questions_module, "MAX_OPEN", 2)
    questions = Questions()
    assert [type(command) for command in questions.ask_conflict(ONE, 3000, NODE)] == [AskUser]
    assert [type(command) for command in questions.ask_conflict(TWO, 3001, None)] == [AskUser]
    assert questions.ask_conflict(THREE, 3002, NODE) == []
    return questions


def test_the_next_is_asked_when_one_is_answered(two_open: Questions) -> None:
    question, commands = two_open.take("conflict:tcp/127.0.0.1:3000:71.5", "skip")
    assert question is not None
    assert question.service == ONE
    assert [command.question.service for command in commands if isinstance(command, AskUser)] == [
        THREE
    ]


def test_the_next_is_asked_when_one_is_withdrawn(two_open: Questions) -> None:
    withdrawn, asked = two_open.withdraw(TWO.id)
    assert withdrawn == WithdrawQuestion("conflict:tcp/127.0.0.1:3001:unknown")
    assert isinstance(asked, AskUser)


def test_a_question_nobody_saw_is_withdrawn_in_silence(two_open: Questions) -> None:
    assert two_open.withdraw(THREE.id) == []
    assert two_open.take("conflict:tcp/127.0.0.1:3002:71.5", "skip") == (None, [])
    assert two_open.withdraw(THREE.id) == []


def test_what_was_asked_is_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions_module, "MAX_ASKED", 2)
    questions = Questions()
    for one in (ONE, TWO, THREE):
        questions.ask_ephemeral(one, (32768, 60999))
    assert [questions.was_asked(one.id) for one in (ONE, TWO, THREE)] == [False, True, True]


def test_kill_is_offered_only_where_it_is_possible() -> None:
    assert choices_for(NODE) == ("kill", "remap", "skip")
    assert choices_for(replace(NODE, is_ours=False)) == ("remap", "skip")


def test_a_service_has_the_name_that_says_most() -> None:
    web = service("127.0.0.1:80", process="docker-proxy", container="web-1")
    assert describe_service(web) == "web-1 at 127.0.0.1:80 of the target"
    assert describe_service(service("udp/[::1]:80")) == "the udp service at [::1]:80 of the target"
