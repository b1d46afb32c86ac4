"""When the stdio link goes inside QUIC, as transcripts of time and wish."""

from __future__ import annotations

from port_linker.session.carry import DEAD_AFTER_S, GREET_S, CarryMachine, Step


def entered() -> CarryMachine:
    machine = CarryMachine()
    assert machine.look(0.0, is_wanted=True) is Step.ENTER
    return machine


def up() -> CarryMachine:
    machine = entered()
    machine.greeted(0.1)
    return machine


def test_it_is_entered_as_soon_as_it_is_wanted_and_once() -> None:
    machine = CarryMachine()
    assert machine.look(0.0, is_wanted=False) is Step.NOTHING
    assert machine.look(0.5, is_wanted=True) is Step.ENTER
    assert machine.look(0.6, is_wanted=True) is Step.NOTHING
    assert machine.is_active
    assert not machine.is_up


def test_an_agent_that_is_heard_keeps_it_and_is_asked_every_two_seconds() -> None:
    machine = up()
    steps = []
    for tick in range(1, 20):
        steps.append(machine.look(tick * 1.0, is_wanted=True))
        machine.heard(tick * 1.0)
    assert steps.count(Step.PING) == 10
    assert set(steps) == {Step.PING, Step.NOTHING}


def test_without_quic_or_with_ssh_it_is_left_at_once() -> None:
    machine = up()
    assert machine.look(1.0, is_wanted=False) is Step.LEAVE
    assert not machine.is_active
    assert machine.look(1.5, is_wanted=False) is Step.NOTHING
    assert machine.look(2.0, is_wanted=True) is Step.ENTER


def test_an_agent_that_hangs_is_tried_again_later_and_later() -> None:
    machine = up()
    assert machine.look(0.1 + DEAD_AFTER_S, is_wanted=True) is Step.LEAVE
    tick = 7 * 4
    entered_at: list[float] = []
    while len(entered_at) < 4:
        if machine.look(tick / 4, is_wanted=True) is Step.ENTER:
            entered_at.append(tick / 4)
            assert machine.lost(tick / 4) is Step.LEAVE  # refused at the door
        tick += 1
    assert entered_at == [7.0, 7.5, 8.5, 10.5]


def test_a_hello_that_never_comes_has_an_end() -> None:
    assert entered().look(GREET_S, is_wanted=True) is Step.LEAVE


def test_a_real_ssh_takes_over_without_a_step() -> None:
    machine = up()
    machine.taken_over()
    assert not machine.is_active
    assert machine.look(1.0, is_wanted=False) is Step.NOTHING
