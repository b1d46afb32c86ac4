"""What a person orders while the session runs: another policy, a choice for one service."""

from __future__ import annotations

from dataclasses import replace

import pytest

from port_linker.ports import commands as cmd
from port_linker.ports import events as ev
from port_linker.ports.types import PortHolder
from tests.ports.kit import BOB, NODE, host, of_type, options, service

WEB = service("127.0.0.1:8080", process="web")
DB = service("127.0.0.1:5432")
KEY = "127.0.0.1:8080"


def test_a_service_that_a_new_policy_leaves_out_is_released_and_comes_back() -> None:
    here = host()
    here.appear(WEB, DB)
    commands = here.feed(ev.PolicyChanged(options(skip="8080")), 1.0)
    assert [type(one) for one in commands] == [
        cmd.ResetFlows,
        cmd.ReleaseService,
        cmd.ReportService,
    ]
    assert here.shown(KEY) == ("skipped", (), "left out by --skip 8080")
    assert here.state("127.0.0.1:5432") == "ready"
    here.feed(ev.PolicyChanged(options()), 2.0)
    assert here.shown(KEY) == ("ready", ("127.0.0.1:8080", "[::1]:8080"), None)


def test_the_same_policy_again_does_nothing() -> None:
    here = host()
    here.appear(WEB)
    assert here.feed(ev.PolicyChanged(options()), 1.0) == []


def test_a_new_map_moves_the_service_and_its_end_moves_it_back() -> None:
    here = host()
    here.appear(WEB)
    here.feed(ev.PolicyChanged(options(map="8080:9080")), 1.0)
    assert here.shown(KEY)[1:] == (
        ("127.0.0.1:9080", "[::1]:9080"),
        "moved by --map 8080:9080",
    )
    here.feed(ev.PolicyChanged(options()), 2.0)
    assert here.shown(KEY) == ("ready", ("127.0.0.1:8080", "[::1]:8080"), None)


def test_two_services_swap_their_ports_by_a_new_policy() -> None:
    here = host()
    here.appear(WEB, DB)
    here.feed(ev.PolicyChanged(options(map="8080:5432,5432:8080")), 1.0)
    assert here.shown(KEY)[1] == ("127.0.0.1:5432", "[::1]:5432")
    assert here.shown("127.0.0.1:5432")[1] == ("127.0.0.1:8080", "[::1]:8080")


def test_a_conflict_is_decided_again_by_a_new_policy() -> None:
    here = host(options("ask", interactive=True))
    here.hold_port(8080)
    here.appear(WEB)
    assert len(here.questions) == 1
    here.feed(ev.PolicyChanged(options("remap")), 1.0)
    assert here.questions == {}
    here.tick_until(2.0)
    assert here.shown(KEY)[1] == ("127.0.0.1:16080", "[::1]:16080")


def test_a_new_policy_may_allow_a_kill() -> None:
    here = host(options("kill"))
    here.hold_port(8080)
    here.appear(WEB)
    assert here.reason(KEY).endswith("not ended: port 8080 is not named in --only")
    here.feed(ev.PolicyChanged(options("kill", only="8080")), 1.0)
    here.tick_until(2.0)
    assert of_type(here.log, cmd.KillHolder) == [cmd.KillHolder(WEB.id, NODE, 8080)]


def test_connections_wait_as_long_as_the_new_policy_says() -> None:
    here = host()
    here.appear(WEB)
    here.feed(ev.LinkDown("cut"), 1.0)
    commands = here.feed(ev.PolicyChanged(replace(options(), outage_hold_s=3.0)), 2.0)
    assert commands == [cmd.HoldService(WEB.id, 3.0)]


def test_a_service_is_moved_skipped_and_given_back_by_choice() -> None:
    here = host()
    here.appear(WEB)
    here.feed(ev.ChoiceMade(WEB.id, "remap"), 1.0)
    assert here.shown(KEY)[:2] == ("ready", ("127.0.0.1:16080", "[::1]:16080"))
    assert here.remaps == {WEB.id.key: 16080}
    here.feed(ev.ChoiceMade(WEB.id, "skip"), 2.0)
    assert here.shown(KEY) == ("skipped", (), "skipped by you")
    here.feed(ev.AnswerTakenBack(WEB.id), 3.0)
    assert here.shown(KEY)[1] == ("127.0.0.1:8080", "[::1]:8080")


def test_allow_lets_a_fresh_ephemeral_port_in_before_anyone_is_asked() -> None:
    here = host(options(interactive=True))
    here.appear(service("127.0.0.1:40000", process="gh"))
    here.feed(ev.ChoiceMade(service("127.0.0.1:40000").id, "allow"), 0.5)
    assert here.state("127.0.0.1:40000") == "ready"
    here.tick_until(5.0)
    assert of_type(here.log, cmd.AskUser) == []


@pytest.mark.parametrize("choice", ["kill", "remap", "skip"])
def test_a_choice_withdraws_the_question(choice: str) -> None:
    here = host(options(interactive=True))
    here.hold_port(8080)
    here.appear(WEB)
    commands = here.feed(ev.ChoiceMade(WEB.id, choice), 1.0)
    assert here.questions == {}
    kills = [cmd.KillHolder(WEB.id, NODE, 8080)] if choice == "kill" else []
    assert of_type(commands, cmd.KillHolder) == kills


def test_a_kill_by_choice_binds_once_the_holder_is_gone() -> None:
    here = host()
    here.hold_port(8080)
    here.appear(WEB)
    here.feed(ev.ChoiceMade(WEB.id, "kill"), 1.0)
    here.free_port(8080)
    here.feed(ev.KillDone(WEB.id, True), 1.2)
    assert here.state(KEY) == "ready"


def test_a_holder_that_may_not_be_ended_is_named() -> None:
    here = host()
    here.hold_port(8080, PortHolder(uid=BOB, user="bob"))
    here.appear(WEB)
    commands = here.feed(ev.ChoiceMade(WEB.id, "kill"), 1.0)
    assert of_type(commands, cmd.KillHolder) == []
    assert here.reason(KEY).endswith("not ended: its process is not ours to see")


@pytest.mark.parametrize("choice", ["kill", "remap", "skip", "allow", "no such word"])
def test_a_choice_for_what_is_not_there_does_nothing(choice: str) -> None:
    here = host()
    assert here.feed(ev.ChoiceMade(WEB.id, choice)) == []
    here.appear(WEB)
    if choice in ("kill", "allow", "no such word"):
        assert here.feed(ev.ChoiceMade(WEB.id, choice)) == [], "it is bound as it is"
    here.vanish(KEY, now=1.0)
    assert here.feed(ev.ChoiceMade(WEB.id, choice), 1.5) == []
