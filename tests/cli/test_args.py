"""What follows from the options."""

from __future__ import annotations

import pytest

from port_linker.cli.args import (
    FRONT_JSON,
    FRONT_LIVE,
    FRONT_PLAIN,
    Settings,
    Surroundings,
    check_settings,
    choose_front,
    may_not_ask,
    plan_session,
)
from port_linker.errors import UsageError

TERMINAL = Surroundings(True, True, True, "xterm-256color")
PIPE = Surroundings(True, False, True, "xterm")
NOTHING = Surroundings()


def settings(**options: object) -> Settings:
    return Settings("connect", "dev1", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "around", "front"),
    [
        (settings(), TERMINAL, FRONT_LIVE),
        (settings(plain=True), TERMINAL, FRONT_PLAIN),
        (settings(json=True), TERMINAL, FRONT_JSON),
        (settings(no_input=True), TERMINAL, FRONT_PLAIN),
        (settings(), PIPE, FRONT_PLAIN),
        (settings(), NOTHING, FRONT_PLAIN),
        (settings(), Surroundings(True, True, True, "dumb"), FRONT_PLAIN),
        (settings(), Surroundings(True, True, True, ""), FRONT_PLAIN),
        (settings(), Surroundings(True, True, True, "xterm", ci=True), FRONT_PLAIN),
    ],
)
def test_which_front_end(asked: Settings, around: Surroundings, front: str) -> None:
    assert choose_front(asked, around) == front


def test_who_may_be_asked() -> None:
    assert not may_not_ask(settings(), PIPE)
    assert may_not_ask(settings(no_input=True), PIPE)
    assert may_not_ask(settings(), NOTHING)
    assert may_not_ask(settings(), Surroundings(True, True, True, "xterm", ci=True))


@pytest.mark.parametrize(
    ("asked", "around", "policy", "interactive"),
    [
        (settings(), TERMINAL, "ask", True),
        (settings(), NOTHING, "skip", False),
        (settings(on_conflict="ask"), NOTHING, "skip", False),
        (settings(on_conflict="ask", json=True), TERMINAL, "skip", False),
        (settings(on_conflict="remap"), NOTHING, "remap", False),
        (settings(on_conflict="kill"), TERMINAL, "kill", True),
    ],
)
def test_without_somebody_to_ask_ask_means_skip(
    asked: Settings, around: Surroundings, policy: str, interactive: bool
) -> None:
    planned = plan_session(asked, around)
    assert (planned.on_conflict, planned.interactive) == (policy, interactive)


def test_every_option_reaches_the_session() -> None:
    asked = settings(
        only=("80",),
        skip=("22",),
        allow=("5353/udp",),
        map=("80:8080",),
        all_users=True,
        own_user_only=True,
        hold=True,
        max_services=7,
        target_python="/opt/python",
        lease=60,
        ssh_option=("ProxyJump=b",),
        log_file="x.log",
        verbose=2,
    )
    planned = plan_session(asked, NOTHING)
    assert planned.target == "dev1"
    assert (planned.only, planned.skip, planned.allow) == (("80",), ("22",), ("5353/udp",))
    assert planned.map == ("80:8080",)
    assert planned.all_users
    assert planned.own_user_only
    assert planned.hold
    assert (planned.max_services, planned.lease_s, planned.verbosity) == (7, 60, 2)
    assert (planned.target_python, planned.log_file) == ("/opt/python", "x.log")
    assert planned.ssh_options == ("ProxyJump=b",)


def test_the_log_is_on_stderr_except_under_the_table() -> None:
    assert plan_session(settings(verbose=1), NOTHING).log_to_stderr
    assert not plan_session(settings(verbose=1), TERMINAL).log_to_stderr
    assert not plan_session(settings(), NOTHING).log_to_stderr


@pytest.mark.parametrize(
    "asked",
    [
        settings(json=True, plain=True),
        settings(max_services=0),
        settings(lease=9),
        settings(lease=10**9),
    ],
)
def test_what_cannot_be_meant(asked: Settings) -> None:
    with pytest.raises(UsageError) as caught:
        check_settings(asked)
    assert caught.value.hint


@pytest.mark.parametrize("word", [None, ""])
def test_a_host_is_needed(word: str | None) -> None:
    with pytest.raises(UsageError, match="doctor needs a HOST"):
        _ = Settings("doctor", word).host
