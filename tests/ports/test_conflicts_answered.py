"""What a person answers holds: across restarts of either side, until it is taken back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from port_linker.ports import commands as cmd
from port_linker.ports import events as ev
from tests.ports.kit import NODE, TARGET, host, of_type, options, service

WEB = service("127.0.0.1:8080", process="web")
KEY = "127.0.0.1:8080"
CALLBACK = service("127.0.0.1:40000", process="gh")


def test_a_port_that_becomes_free_is_not_taken_before_the_answer() -> None:
    """The person's own server restarts while the question is open."""
    here = host(options(interactive=True))
    here.hold_port(8080)
    here.appear(WEB)
    here.free_port(8080)
    here.tick_until(30.0)
    assert here.sockets == {}
    assert len(here.questions) == 1
    here.answer("kill", now=30.0)
    here.feed(ev.KillDone(WEB.id, True), 30.1)
    assert here.state(KEY) == "ready"


def test_another_holder_is_another_question() -> None:
    here = host(options(interactive=True))
    here.hold_port(8080)
    here.appear(WEB)
    (old,) = here.questions
    other = replace(NODE, pid=99, command="deno")
    here.hold_port(8080, other)
    here.answer("kill", now=1.0)
    here.feed(ev.KillDone(WEB.id, True), 1.1)
    (question,) = here.questions.values()
    assert question.holder == other
    assert here.feed(ev.Answered(old, "kill"), 1.2) == [], "nobody is ended by an old answer"


def test_a_question_that_nobody_can_answer_was_not_asked() -> None:
    here = host(options(interactive=True))
    here.hold_port(8080)
    here.appear(WEB)
    (name,) = here.questions
    here.questions.clear()
    here.feed(ev.Unanswered(name), 1.0)
    here.free_port(8080)
    here.tick_until(2.0)
    assert here.state(KEY) == "ready"


def test_a_service_that_restarts_does_not_ask_again() -> None:
    here = host(options(interactive=True))
    here.hold_port(8080)
    for begin in range(0, 30, 5):
        here.appear(replace(WEB, pid=begin + 1), now=begin)
        here.tick_until(begin + 2.0)
        here.vanish(KEY, now=begin + 2.0)
        here.tick_until(begin + 5.0)
    assert len(of_type(here.log, cmd.AskUser)) == 1
    assert len(here.questions) == 1, "and the one question is still there to be answered"
    here.tick_until(42.0)
    assert here.questions == {}, "its service did not come back"
    assert here.state(KEY) == "gone"


def test_an_answer_ends_the_wait_for_a_service_that_is_gone() -> None:
    here = host(options(interactive=True))
    here.hold_port(8080)
    here.appear(WEB)
    here.vanish(KEY, now=1.0)
    commands = here.answer("kill", now=2.0)
    assert of_type(commands, cmd.KillHolder) == [], (
        "nobody is ended for a service that is not there"
    )
    assert here.state(KEY) == "gone"


def test_the_answer_skip_holds_for_the_session_whatever_restarts() -> None:
    here = host(options(interactive=True))
    here.hold_port(8080)
    here.appear(WEB)
    here.answer("skip")
    assert here.shown(KEY) == ("skipped", (), "skipped by you")
    here.log.clear()
    here.free_port(8080)  # the person's own server restarts
    here.tick_until(5.0)
    for pid in range(900, 906):
        here.vanish(KEY, now=5.0)
        here.tick_until(7.0)
        here.appear(replace(WEB, pid=pid), now=7.0)
    here.feed(ev.LinkDown("cut"), 8.0)
    here.feed(ev.LinkUp(TARGET), 9.0)
    here.tick_until(20.0)
    assert here.shown(KEY) == ("skipped", (), "skipped by you")
    assert of_type(here.log, cmd.BindService, cmd.AskUser) == []


def test_the_answer_is_for_that_service_alone() -> None:
    here = host(options(interactive=True))
    here.hold_port(8080)
    here.appear(WEB)
    here.answer("skip")
    here.free_port(8080)
    here.vanish(KEY, now=1.0)
    here.tick_until(3.0)
    here.appear(replace(WEB, process="another"), now=3.0)
    assert here.state(KEY) == "ready"


@pytest.mark.parametrize("choice", ["skip", "remap"])
def test_an_answer_can_be_taken_back(choice: str) -> None:
    here = host(options(interactive=True))
    here.hold_port(8080)
    here.appear(WEB)
    here.answer(choice)
    assert here.machine.has_answer(WEB.id)
    here.feed(ev.AnswerTakenBack(WEB.id), 1.0)
    assert not here.machine.has_answer(WEB.id)
    assert here.state(KEY) == "conflict"
    assert (len(here.questions), here.sockets, here.remaps) == (1, {}, {})
    here.answer("skip", now=2.0)
    here.free_port(8080)
    here.feed(ev.AnswerTakenBack(WEB.id), 3.0)
    assert here.shown(KEY)[1] == ("127.0.0.1:8080", "[::1]:8080"), "it is free now"
    assert here.feed(ev.AnswerTakenBack(WEB.id), 4.0) == [], "there is none"


def test_what_was_answered_last_time_can_be_taken_back() -> None:
    here = host(options(interactive=True), remembered={WEB.id.key: 16080})
    here.hold_port(8080)
    here.appear(WEB)
    assert here.questions == {}
    assert here.machine.has_answer(WEB.id)
    here.feed(ev.AnswerTakenBack(WEB.id), 1.0)
    assert len(here.questions) == 1


def test_a_callback_that_lives_a_second_is_asked_about_once() -> None:
    here = host(options(interactive=True))
    here.appear(CALLBACK)
    assert here.state("127.0.0.1:40000") == "skipped"
    here.tick_until(0.9)
    assert here.questions == {}
    here.tick_until(1.0)
    (question,) = here.questions.values()
    assert question.kind is cmd.QuestionKind.EPHEMERAL
    assert question.choices == ("allow", "skip")
    assert question.text.startswith("gh at 127.0.0.1:40000 of the target is left out: port")
    here.answer("allow", now=2.0)
    assert here.state("127.0.0.1:40000") == "ready"


def test_a_no_stays_a_no() -> None:
    here = host(options(interactive=True))
    here.appear(CALLBACK)
    here.tick_until(1.0)
    here.answer("skip", now=2.0)
    assert here.shown("127.0.0.1:40000") == ("skipped", (), "skipped by you")
    here.vanish("127.0.0.1:40000", now=3.0)
    here.appear(CALLBACK, now=4.0)
    here.tick_until(9.0)
    assert len(of_type(here.log, cmd.AskUser)) == 1
    here.feed(ev.AnswerTakenBack(CALLBACK.id), 9.0)
    here.tick_until(10.0)
    assert len(of_type(here.log, cmd.AskUser)) == 2, "unless it is taken back"


def test_a_yes_stays_a_yes_until_it_is_taken_back() -> None:
    here = host(options(interactive=True))
    here.appear(CALLBACK)
    here.tick_until(1.0)
    here.answer("allow", now=2.0)
    here.vanish("127.0.0.1:40000", now=3.0)
    here.tick_until(9.0)
    here.appear(CALLBACK, now=10.0)
    assert here.state("127.0.0.1:40000") == "ready"
    commands = here.feed(ev.AnswerTakenBack(CALLBACK.id), 11.0)
    assert cmd.ResetFlows(CALLBACK.id) in commands
    assert (here.state("127.0.0.1:40000"), here.sockets) == ("skipped", {})
