"""The life of a session, as transcripts of (time, event, commands)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.cause import NO_SIGN_OF_LIFE, Cause, cause_of
from port_linker.errors import AuthError, HostKeyError, PortLinkerError, UnreachableError
from port_linker.session import inputs as i
from port_linker.session.machine import DEAD_AFTER_S, GREET_S, STABLE_S, SessionMachine
from tests.fakes.causes import why

OUT = UnreachableError("dev1 did not answer")
GONE, CUT = why("gone"), why("x")
Row = tuple[float, i.SessionInput, list[i.SessionCommand]]


def play(machine: SessionMachine, rows: list[Row]) -> None:
    for now, event, wanted in rows:
        assert machine.handle(event, now) == wanted, f"at {now}: {event}"


def needs_person(error: PortLinkerError) -> list[i.SessionCommand]:
    return [i.ReportOutage(cause_of(error), None)]


def connected() -> SessionMachine:
    machine = SessionMachine()
    play(
        machine,
        [
            (0.0, i.Begun(), [i.OpenChannel(unattended=False)]),
            (0.5, i.ChannelOpened(), []),
            (0.6, i.Greeted(resumes=False), [i.ReportUp(first=True, resumes=False)]),
        ],
    )
    return machine


def test_a_first_connection_asks_people_and_comes_up() -> None:
    machine = connected()
    assert machine.is_up


def test_a_first_attempt_that_fails_ends_the_session_with_its_reason() -> None:
    error = AuthError("dev1 refused the login")
    play(
        SessionMachine(),
        [
            (0.0, i.Begun(), [i.OpenChannel(unattended=False)]),
            (1.0, i.ChannelFailed(error), [i.StopSession(error, say_goodbye=False)]),
            (1.1, i.Ticked(), []),
        ],
    )


def test_a_link_that_ends_before_its_hello_ends_the_session_too() -> None:
    machine = SessionMachine()
    machine.handle(i.Begun(), 0.0)
    machine.handle(i.ChannelOpened(), 0.1)
    close, stop = machine.handle(i.LinkLost(why("the pipe closed")), 0.2)
    assert close == i.CloseChannel()
    assert isinstance(stop, i.StopSession)
    assert stop.error is not None
    assert stop.error.code == "PL-LINK-LOST"


def test_a_hello_that_never_comes_has_an_end() -> None:
    machine = SessionMachine()
    machine.handle(i.Begun(), 0.0)
    machine.handle(i.ChannelOpened(), 1.0)
    assert machine.handle(i.Ticked(), 1.0 + GREET_S - 0.1) == []
    commands = machine.handle(i.Ticked(), 1.0 + GREET_S)
    assert isinstance(commands[-1], i.StopSession)


def test_heartbeats_every_two_seconds_and_death_after_six_silent_ones() -> None:
    play(
        connected(),
        [
            (1.0, i.Ticked(), [i.SendPing()]),
            (2.0, i.Ticked(), []),
            (3.0, i.Ticked(), [i.SendPing()]),
            (3.1, i.Heard(), []),
            (5.1, i.Ticked(), [i.SendPing()]),
            (
                3.1 + DEAD_AFTER_S,
                i.Ticked(),
                [
                    i.CloseChannel(),
                    i.ReportOutage(Cause(NO_SIGN_OF_LIFE), 0.0),
                    i.OpenChannel(unattended=True, resume=True),
                ],
            ),
        ],
    )


def test_an_outage_tries_at_once_then_later_and_later_without_asking_anybody() -> None:
    machine = connected()
    again = i.OpenChannel(unattended=True, resume=True)
    play(
        machine,
        [
            (
                9.0,
                i.LinkLost(GONE),
                [i.CloseChannel(), i.ReportOutage(GONE, 0.0), again],
            ),
            (9.125, i.ChannelFailed(OUT), [i.ReportOutage(cause_of(OUT), 0.5)]),
            (9.5, i.Ticked(), []),
            (9.625, i.Ticked(), [again]),
            (9.75, i.ChannelFailed(OUT), [i.ReportOutage(cause_of(OUT), 0.875)]),  # from its begin
            (10.625, i.Ticked(), [again]),
            (10.8, i.ChannelOpened(), []),
            (10.9, i.Greeted(resumes=True), [i.ReportUp(first=False, resumes=True)]),
        ],
    )
    delays = []
    now = 20.0
    machine.handle(i.LinkLost(why("again")), now)
    for _ in range(8):
        (report,) = machine.handle(i.ChannelFailed(OUT), now)
        assert isinstance(report, i.ReportOutage)
        assert report.retry_in_s is not None
        delays.append(report.retry_in_s)
        now += report.retry_in_s
        assert machine.handle(i.Ticked(), now) == [again]
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]


def test_life_on_the_other_link_ends_the_wait() -> None:
    machine, again = connected(), i.OpenChannel(unattended=True, resume=True)
    play(
        machine,
        [
            (1.0, i.OtherLinkChanged(), []),  # this one is up itself
            (
                9.0,
                i.LinkLost(GONE),
                [i.CloseChannel(), i.ReportOutage(GONE, 0.0), again],
            ),
            (9.5, i.OtherLinkChanged(), []),  # an attempt has just begun
            (12.0, i.OtherLinkChanged(), [i.CloseChannel(), again]),  # this one began in the dark
        ],
    )


def test_life_on_the_other_link_begins_an_attempt_that_was_due_later() -> None:
    machine, again = connected(), i.OpenChannel(unattended=True, resume=True)
    machine.handle(i.LinkLost(GONE), 9.0)
    (report,) = machine.handle(i.ChannelFailed(OUT), 9.0)
    assert report == i.ReportOutage(cause_of(OUT), 0.5)
    play(machine, [(9.1, i.OtherLinkChanged(), [again])])


def test_a_link_that_dies_after_each_hello_is_no_storm_of_logins() -> None:
    machine, now, delays = connected(), 0.6, []
    for _ in range(5):
        commands = machine.handle(i.LinkLost(why("nonsense")), now + 0.1)
        delays += [c.retry_in_s or 0.0 for c in commands if isinstance(c, i.ReportOutage)]
        now += 0.1 + delays[-1]
        machine.handle(i.Ticked(), now)
        machine.handle(i.ChannelOpened(), now)
        machine.handle(i.Greeted(resumes=True), now)
    assert delays == [0.0, 0.5, 1.0, 2.0, 4.0]
    machine.handle(i.Heard(), now + STABLE_S)
    commands = machine.handle(i.LinkLost(GONE), now + STABLE_S)
    assert i.ReportOutage(GONE, 0.0) in commands


def test_a_wake_in_an_outage_does_not_wait_for_the_backoff() -> None:
    for hint in (i.Woken(), i.RouteChanged(), i.RetryAsked()):
        machine = connected()
        machine.handle(i.LinkLost(GONE), 5.0)
        for at in (5.1, 6.0, 7.5):
            machine.handle(i.ChannelFailed(OUT), at)
            machine.handle(i.Ticked(), at + 5)
        machine.handle(i.ChannelFailed(OUT), 13.0)
        assert machine.handle(hint, 13.1) == [i.OpenChannel(unattended=True, resume=True)]


def test_a_wake_replaces_an_attempt_that_hangs_and_leaves_a_fresh_one() -> None:
    machine = connected()
    machine.handle(i.LinkLost(GONE), 5.0)
    assert machine.handle(i.Woken(), 5.5) == []
    again = [i.CloseChannel(), i.OpenChannel(unattended=True, resume=True)]
    assert machine.handle(i.Woken(), 8.0) == again


def test_a_wake_gives_an_old_link_less_than_a_second_to_answer() -> None:
    machine = connected()
    assert machine.handle(i.Woken(), 100.0) == [i.SendPing()]
    commands = machine.handle(i.Ticked(), 100.9)
    assert i.OpenChannel(unattended=True, resume=True) in commands
    machine = connected()
    machine.handle(i.Woken(), 100.0)
    machine.handle(i.Heard(), 100.2)
    assert machine.handle(i.Ticked(), 100.9) == [i.SendPing()]


def test_an_agent_that_was_started_again_is_told_of_and_no_outage() -> None:
    play(
        connected(),
        [
            (5.0, i.AgentRestarted(), []),
            (5.3, i.Greeted(resumes=False), [i.ReportAgentRestarted()]),
        ],
    )


def test_leaving_says_goodbye_only_over_a_link_that_is_up() -> None:
    machine = connected()
    assert machine.handle(i.QuitAsked(), 2.0) == [i.StopSession(None, say_goodbye=True)]
    machine = connected()
    machine.handle(i.LinkLost(GONE), 2.0)
    assert machine.handle(i.QuitAsked(), 2.1) == [i.StopSession(None, say_goodbye=False)]
    assert machine.handle(i.Begun(), 2.2) == []


def test_late_news_changes_nothing() -> None:
    machine = connected()
    assert machine.handle(i.ChannelFailed(OUT), 1.0) == []
    assert machine.handle(i.Greeted(resumes=True), 1.0) == []
    machine.handle(i.LinkLost(GONE), 2.0)
    assert machine.handle(i.LinkLost(why("gone again")), 2.1) == []
    assert machine.handle(i.Heard(), 2.1) == []


EVENTS = st.sampled_from(
    [
        i.ChannelOpened(), i.ChannelFailed(OUT), i.Greeted(True), i.Greeted(False),
        i.LinkLost(CUT), i.AgentRestarted(), i.Heard(), i.Ticked(), i.Woken(),
        i.RouteChanged(), i.RetryAsked(),
    ]
)  # fmt: skip


@given(st.lists(st.tuples(EVENTS, st.floats(0, 20)), max_size=60))
def test_under_any_order_of_events_the_session_comes_back(
    steps: list[tuple[i.SessionInput, float]],
) -> None:
    machine, now = connected(), 1.0
    for event, pause in steps:
        now += pause
        for command in machine.handle(event, now):
            assert not isinstance(command, i.StopSession)
    # Whatever happened: time alone leads to an attempt, and the attempt to a link.
    for _ in range(3):
        if machine.is_up:
            break
        now += 20.0
        machine.handle(i.Ticked(), now)
        machine.handle(i.ChannelOpened(), now)
        machine.handle(i.Greeted(resumes=False), now)
    assert machine.is_up


def needing_a_person() -> SessionMachine:
    machine = connected()
    refused = AuthError("dev1 refused the login")
    machine.handle(i.LinkLost(GONE), 9.0)
    assert machine.handle(i.ChannelFailed(refused), 9.1) == [
        i.ReportOutage(cause_of(refused), None)
    ]
    return machine


AGAIN = i.OpenChannel(unattended=True, resume=True)
ATTENDED = i.OpenChannel(unattended=False, resume=True)


@pytest.mark.parametrize("event", [i.Ticked(), i.Woken(), i.RouteChanged(), i.RetryAsked()])
def test_after_a_refused_login_none_is_made_unasked(event: i.SessionInput) -> None:
    assert needing_a_person().handle(event, 9999.0) == []


def test_after_a_changed_host_key_none_is_made_unasked_either() -> None:
    machine = connected()
    changed = HostKeyError("the host key of dev1 is not the one that was seen before")
    machine.handle(i.LinkLost(GONE), 9.0)
    assert machine.handle(i.ChannelFailed(changed), 9.1) == [
        i.ReportOutage(cause_of(changed), None)
    ]
    assert machine.handle(i.Ticked(), 9999.0) == []


def test_a_person_logs_in_and_everything_is_as_before() -> None:
    machine = needing_a_person()
    assert machine.is_without_ssh
    play(
        machine,
        [
            (60.0, i.LoginAsked(), [ATTENDED]),
            (61.0, i.Woken(), []),  # ssh asks them: not to be replaced
            (75.0, i.ChannelOpened(), []),
            (75.1, i.Greeted(resumes=True), [i.ReportUp(first=False, resumes=True)]),
            (80.0, i.LinkLost(CUT), [i.CloseChannel(), i.ReportOutage(CUT, 0.0), AGAIN]),
        ],
    )


def test_a_login_that_a_person_did_not_bring_about_is_not_tried_without_them() -> None:
    machine = needing_a_person()
    machine.handle(i.LoginAsked(), 60.0)
    assert machine.handle(i.ChannelFailed(OUT), 70.0) == [i.ReportOutage(cause_of(OUT), None)]
    machine.handle(i.LoginAsked(), 80.0)
    machine.handle(i.ChannelOpened(), 81.0)
    assert machine.handle(i.LinkLost(CUT), 82.0) == [
        i.CloseChannel(),
        i.ReportOutage(CUT, None),
    ]


def test_a_person_takes_the_place_of_an_attempt_that_asks_nobody() -> None:
    machine = connected()
    machine.handle(i.LinkLost(GONE), 9.0)
    assert machine.handle(i.LoginAsked(), 9.1) == [i.CloseChannel(), ATTENDED]
    assert machine.handle(i.LoginAsked(), 9.2) == []
