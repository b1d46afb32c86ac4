"""Events are values; the machine takes each of them at any time."""

from __future__ import annotations

import errno
from typing import get_args

import pytest

from port_linker.ports import events
from port_linker.ports.machine import PortMachine
from tests.ports.kit import FACTS, TARGET, locals_of, options, service

ID = service("127.0.0.1:80").id
SAMPLES: list[events.Event] = [
    events.LinkUp(TARGET),
    events.LinkDown("cut"),
    events.LimitsChanged(1, 1000),
    events.ServicesChanged(vanished=(ID,)),
    events.BindFailed(ID, locals_of(80)[0], errno.EADDRINUSE),
    events.BindDone(ID, locals_of(80)[0]),
    events.Answered("no such question", "kill"),
    events.Unanswered("no such question"),
    events.AnswerTakenBack(ID),
    events.ChoiceMade(ID, "skip"),
    events.PolicyChanged(options("remap")),
    events.KillDone(ID, True),
    events.Ticked(),
]


def test_there_is_a_sample_of_each() -> None:
    assert {type(event) for event in SAMPLES} == set(get_args(events.Event))


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_each_is_taken_by_a_machine_that_knows_nothing(event: events.Event) -> None:
    machine = PortMachine(options(), FACTS)
    machine.handle(event, 0.0)
    assert machine.services() == {}
