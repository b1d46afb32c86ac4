"""A port is held here: who is asked, who is ended, what is tried again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from port_linker.ports import commands as cmd
from port_linker.ports import conflicts
from port_linker.ports import events as ev
from port_linker.ports import timers as retries_module
from port_linker.ports.types import PortHolder
from tests.ports.kit import ALICE, BOB, NODE, host, of_type, options, service

WEB = service("127.0.0.1:8080", process="web")
KEY = "127.0.0.1:8080"


def test_a_person_is_asked_once_about_a_holder() -> None:
    here = host(options(interactive=True))
    here.hold_port(8080)
    here.appear(WEB)
    (question,) = here.questions.values()
    assert question.kind is cmd.QuestionKind.CONFLICT
    assert question.choices == ("kill", "remap", "skip")
    assert question.holder == NODE
    assert question.text == (
        "Port 8080 here is held by node (pid 71); "
        "web at 127.0.0.1:8080 of the target wants it. What shall be done?"
    )
    here.tick_until(5.0)
    assert len(of_type(here.log, cmd.AskUser)) == 1


def test_without_a_terminal_nobody_is_asked() -> None:
    here = host(options("ask", interactive=False))
    here.hold_port(8080)
    here.appear(WEB)
    assert here.questions == {}
    assert here.state(KEY) == "conflict"


def test_the_answer_kill_ends_the_holder_and_binds() -> None:
    here = host(options(interactive=True))
    here.hold_port(8080)
    here.appear(WEB)
    (kill,) = of_type(here.answer("kill"), cmd.KillHolder)
    assert kill == cmd.KillHolder(WEB.id, NODE, 8080)
    here.free_port(8080)
    here.feed(ev.KillDone(WEB.id, True), 0.2)
    assert here.state(KEY) == "ready"


def test_a_kill_that_fails_is_told() -> None:
    here = host(options(interactive=True))
    here.hold_port(8080)
    here.appear(WEB)
    here.answer("kill")
    here.feed(ev.KillDone(WEB.id, False, "pid 71 did not end within 2 s"))
    assert here.reason(KEY) == (
        "port 8080 is held here by node (pid 71); not ended: pid 71 did not end within 2 s"
    )
    assert here.questions == {}


def test_the_answer_remap_gives_another_port_and_remembers_it() -> None:
    here = host(options(interactive=True))
    here.hold_port(8080)
    here.appear(WEB)
    here.answer("remap")
    assert here.shown(KEY) == (
        "ready",
        ("127.0.0.1:16080", "[::1]:16080"),
        "port 8080 is taken here, 16080 stands in",
    )
    assert here.remaps == {WEB.id.key: 16080}
    again = host(options(interactive=True), remembered=here.remaps)
    again.hold_port(8080)
    again.appear(WEB)
    assert again.questions == {}, "it was answered last time"
    assert again.shown(KEY)[1] == ("127.0.0.1:16080", "[::1]:16080")
    free = host(options(interactive=True), remembered=here.remaps)
    free.appear(WEB)
    assert free.shown(KEY)[1][0] == "127.0.0.1:8080", "the same port comes first"


def test_an_answer_that_was_not_offered_is_none() -> None:
    here = host(options(interactive=True))
    here.hold_port(8080, PortHolder(uid=BOB, user="bob"))
    here.appear(WEB)
    (name,) = here.questions
    assert here.questions[name].choices == ("remap", "skip")
    assert here.feed(ev.Answered(name, "kill")) == []


@pytest.mark.parametrize("mode", ["ask", "kill", "remap", "skip"])
def test_every_mode_reports_the_conflict(mode: str) -> None:
    here = host(options(mode, only="8080"))
    here.hold_port(8080)
    here.appear(WEB)
    assert len(of_type(here.log, cmd.ReportConflict)) == 1
    assert (here.state(KEY) == "ready") is (mode == "remap")


def test_remap_by_flag_asks_nobody() -> None:
    here = host(options("remap", interactive=True))
    here.hold_port(8080)
    here.appear(WEB)
    assert here.shown(KEY)[1] == ("127.0.0.1:16080", "[::1]:16080")


def test_remap_by_flag_passes_over_taken_ports() -> None:
    here = host(options("remap"))
    for port in (8080, 16080, 26080):
        here.hold_port(port)
    here.appear(WEB)
    state, local, _ = here.shown(KEY)
    assert state == "ready"
    assert local[0] not in ("127.0.0.1:16080", "127.0.0.1:26080")


def test_a_loser_of_the_same_port_is_moved_by_the_flag_only() -> None:
    second = service("10.0.0.5:8080")
    here = host(options("ask", interactive=True))
    here.appear(WEB, second)
    assert here.state("10.0.0.5:8080") == "conflict"
    assert here.questions == {}, "nobody here stands in its way"
    moved = host(options("remap"))
    moved.appear(WEB, second)
    assert moved.shown("10.0.0.5:8080")[:2] == ("ready", ("127.0.0.1:16080", "[::1]:16080"))


def test_kill_by_flag_ends_only_holders_of_ports_named_in_only() -> None:
    here = host(options("kill", only="8080,9000"))
    here.hold_port(8080)
    here.appear(WEB)
    (kill,) = of_type(here.log, cmd.KillHolder)
    assert (kill.holder, kill.port) == (NODE, 8080)
    here.free_port(8080)
    here.feed(ev.KillDone(WEB.id, True))
    assert here.state(KEY) == "ready"


@pytest.mark.parametrize("only", [None, "web"])
def test_kill_by_flag_leaves_others_alone(only: str | None) -> None:
    here = host(options("kill", only=only) if only else options("kill"))
    here.hold_port(8080)
    here.appear(WEB)
    assert of_type(here.log, cmd.KillHolder) == []
    assert here.reason(KEY).endswith("not ended: port 8080 is not named in --only")


@pytest.mark.parametrize(
    ("holder", "why"),
    [
        (None, "not ours to see"),
        (PortHolder(uid=BOB, user="bob"), "not ours to see"),
        (replace(NODE, pid=1), "pid 1 is an ancestor"),
        (replace(NODE, is_protected=True), "ancestor of port-linker"),
        (replace(NODE, is_port_linker=True), "another port-linker"),
        (replace(NODE, is_ours=False, uid=BOB, user="bob"), "belongs to bob"),
        (replace(NODE, start_ticks=None), "start of pid 71 is not known"),
    ],
)
def test_some_holders_are_never_ended(holder: PortHolder | None, why: str) -> None:
    here = host(options("kill", only="8080"))
    here.hold_port(8080, holder)
    here.appear(WEB)
    assert of_type(here.log, cmd.KillHolder) == []
    assert why in here.reason(KEY)


def test_a_program_that_is_started_for_ever_is_not_ended_for_ever() -> None:
    here = host(options("kill", only="8080"))
    here.hold_port(8080)
    here.appear(WEB)
    for pid in range(100, 110):
        here.hold_port(8080, replace(NODE, pid=pid))
        here.feed(ev.KillDone(WEB.id, True), pid)
    assert len(of_type(here.log, cmd.KillHolder)) == conflicts.MAX_KILLS
    assert here.reason(KEY).endswith(
        "not ended: 3 processes were ended for this port in this session already"
    )


def test_a_service_that_comes_and_goes_is_not_a_licence_to_kill() -> None:
    here = host(options("kill", only="8080"))
    for round_ in range(10):
        begin = round_ * 10.0
        here.hold_port(8080, replace(NODE, pid=100 + round_))
        here.appear(replace(WEB, pid=round_ + 1, process=f"web{round_}"), now=begin)
        here.feed(ev.KillDone(WEB.id, True), begin + 0.1)
        here.vanish(KEY, now=begin + 1)
        here.tick_until(begin + 9)
    assert len(of_type(here.log, cmd.KillHolder)) == conflicts.MAX_KILLS


OURS = PortHolder(pid=5, uid=ALICE, start_ticks=1, is_port_linker=True, is_self=True)


@pytest.mark.parametrize("mode", ["ask", "kill", "remap", "skip"])
def test_a_port_that_we_still_close_ourselves_is_nobodys_news(mode: str) -> None:
    here = host(options(mode, interactive=True))
    here.hold_port(8080, OURS)
    here.appear(WEB)
    here.tick_until(0.3)
    assert here.states == {}
    assert here.questions == {}
    here.free_port(8080)
    here.tick_until(0.4)
    assert here.shown(KEY) == ("ready", ("127.0.0.1:8080", "[::1]:8080"), None)
    assert of_type(here.log, cmd.ReportConflict) == []


def test_a_port_that_we_never_let_go_is_a_conflict_like_any_other() -> None:
    here = host()
    here.hold_port(8080, OURS)
    here.appear(WEB)
    here.tick_until(3.0)
    assert here.reason(KEY) == "port 8080 is held here by another port-linker (pid 5)"
    here.free_port(8080)
    here.tick_until(4.0)
    assert here.state(KEY) == "ready"


def test_retries_are_bounded_and_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries_module, "MAX_RETRIES", 2)
    here = host()
    ports = range(3000, 3003)
    for port in ports:
        here.hold_port(port)
    here.appear(*(service(f"127.0.0.1:{port}") for port in ports))
    here.log.clear()
    here.tick_until(0.5)
    assert len(of_type(here.log, cmd.BindService)) == 2
    here.tick_until(1.0)
    tried = {command.service.port for command in of_type(here.log, cmd.BindService)}
    assert tried == set(ports)


CALLBACK = service("127.0.0.1:40000", process="gh")


def test_a_callback_that_goes_takes_its_question_along() -> None:
    here = host(options(interactive=True))
    here.appear(CALLBACK, service("127.0.0.1:40001"))
    here.vanish("127.0.0.1:40001", now=0.5)
    here.tick_until(1.0)
    assert len(here.questions) == 1, "the other one was gone before its second"
    here.vanish("127.0.0.1:40000", now=2.0)
    assert here.questions == {}


@pytest.mark.parametrize(
    ("key", "uid", "interactive"),
    [
        ("127.0.0.1:40000", ALICE, False),
        ("0.0.0.0:40000", ALICE, True),
        ("127.0.0.1:40000", 0, True),
    ],
)
def test_nothing_else_is_asked_about(key: str, uid: int, interactive: bool) -> None:
    here = host(options(interactive=interactive))
    here.appear(service(key, uid))
    here.tick_until(9.0)
    assert here.questions == {}
    assert here.state(key) == "skipped"
