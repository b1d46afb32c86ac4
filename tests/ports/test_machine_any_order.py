"""Any order of events: what must hold after every step, and at the end."""

from __future__ import annotations

import errno as errnos
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from port_linker.model import Proto, Service, ServiceId
from port_linker.ports import commands as cmd
from port_linker.ports import events as ev
from port_linker.ports.machine import PortMachine
from port_linker.ports.policy import Policy
from port_linker.ports.types import LocalFacts, PortHolder, ServiceState
from tests.ports.kit import ALICE, BOB, NODE, TARGET, FakeHost, locals_of, of_type, options

SERVICES = st.builds(
    lambda proto, address, port, uid: Service(ServiceId(proto, address, port), uid, user=f"u{uid}"),
    st.sampled_from(list(Proto)),
    st.sampled_from(["127.0.0.1", "::1", "0.0.0.0", "10.0.0.5"]),
    st.sampled_from([22, 80, 8080, 18080, 40000]),
    st.sampled_from([ALICE, BOB]),
)
HOLDERS = st.sampled_from([NODE, None, PortHolder(uid=BOB), replace(NODE, pid=72)])
CHOICES = st.sampled_from(["kill", "remap", "skip", "allow"])
POLICIES = st.builds(
    lambda mode, interactive, words: options(mode, interactive, **words),
    st.sampled_from(["ask", "kill", "remap", "skip"]),
    st.booleans(),
    st.sampled_from(
        [{}, {"only": "80,8080"}, {"skip": "8080"}, {"map": "80:8080"}, {"map": "8080:18080"}]
    ),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("appear"), SERVICES),
        st.tuples(st.just("vanish"), SERVICES),
        st.tuples(st.just("snapshot"), st.lists(SERVICES, max_size=4)),
        st.tuples(st.just("up"), st.none()),
        st.tuples(st.just("down"), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 0.6, 1.1, 40.0])),
        st.tuples(st.just("hold"), st.tuples(st.sampled_from([80, 8080, 18080]), HOLDERS)),
        st.tuples(st.just("free"), st.sampled_from([80, 8080, 18080])),
        st.tuples(st.just("limit"), st.integers(0, 4)),
        st.tuples(st.just("room"), st.none() | st.integers(0, 6)),
        st.tuples(st.just("answer"), CHOICES),
        st.tuples(st.just("silence"), st.none()),
        st.tuples(st.just("take_back"), SERVICES),
        st.tuples(st.just("killed"), SERVICES),
        st.tuples(st.just("choose"), st.tuples(SERVICES, CHOICES)),
        st.tuples(st.just("policy"), POLICIES),
    ),
    max_size=30,
)


class Story:
    """Plays steps in order, and knows what must hold after each."""

    def __init__(self, mode: str, all_users: bool) -> None:
        opts = options(mode, interactive=True, all_users=all_users, only="1-65535")
        self.host = FakeHost(PortMachine(opts, LocalFacts()))
        self.present: set[ServiceId] = set()
        self.now = 0.0

    def play(self, step: str, what: Any) -> None:
        getattr(self, f"do_{step}")(what)
        self.check()

    def do_appear(self, one: Service) -> None:
        self.present.add(one.id)
        self.host.appear(one, now=self.now)

    def do_vanish(self, one: Service) -> None:
        self.present.discard(one.id)
        self.host.feed(ev.ServicesChanged(vanished=(one.id,)), self.now)

    def do_snapshot(self, services: list[Service]) -> None:
        self.present = {one.id for one in services}
        self.host.feed(ev.ServicesChanged(tuple(services), is_complete=True), self.now)

    def do_up(self, _: None) -> None:
        self.host.feed(ev.LinkUp(TARGET), self.now)

    def do_down(self, _: None) -> None:
        self.host.feed(ev.LinkDown("cut"), self.now)

    def do_wait(self, seconds: float) -> None:
        self.now += seconds
        self.host.tick_until(self.now)

    def do_hold(self, what: tuple[int, PortHolder | None]) -> None:
        port, holder = what
        for local in locals_of(port):
            if (Proto.TCP, local) not in self.host.sockets:
                self.host.busy[Proto.TCP, local] = holder

    def do_free(self, port: int) -> None:
        self.host.free_port(port)

    def do_limit(self, limit: int) -> None:
        self.host.feed(ev.LimitsChanged(limit, 1000), self.now)

    def do_room(self, room: int | None) -> None:
        self.host.room = room

    def do_answer(self, choice: str) -> None:
        for name, question in list(self.host.questions.items()):
            if choice in question.choices:
                del self.host.questions[name]
            self.host.feed(ev.Answered(name, choice), self.now)
            return

    def do_silence(self, _: None) -> None:
        for name in list(self.host.questions)[:1]:
            del self.host.questions[name]
            self.host.feed(ev.Unanswered(name), self.now)

    def do_take_back(self, one: Service) -> None:
        self.host.feed(ev.AnswerTakenBack(one.id), self.now)
        assert not self.host.machine.has_answer(one.id) or self.host.machine.services()

    def do_killed(self, one: Service) -> None:
        self.host.feed(ev.KillDone(one.id, one.uid == ALICE, "no"), self.now)

    def do_choose(self, what: tuple[Service, str]) -> None:
        one, choice = what
        self.host.feed(ev.ChoiceMade(one.id, choice), self.now)

    def do_policy(self, policy: Policy) -> None:
        self.host.feed(ev.PolicyChanged(policy), self.now)

    def check(self) -> None:
        states = self.host.machine.services()
        known = {
            id_ for one in self.host.machine.services().values() for id_ in one.service.sockets
        }
        assert self.present <= known, "no service is lost"
        for id_, report in states.items():
            shown = self.host.states[id_]
            assert (shown.state, shown.local, shown.reason) == (
                report.state,
                report.local,
                report.reason,
            ), "what was said is what is"
            bound = {local.text for (_, local), owner in self.host.sockets.items() if owner == id_}
            assert bound == set(report.local)
            assert bool(bound) is (report.state in (ServiceState.READY, ServiceState.DOWN))
        assert set(self.host.sockets.values()) <= states.keys()
        assert set(self.host.held) <= set(self.host.sockets.values())
        assert all(question.service.id in states for question in self.host.questions.values())


@settings(max_examples=300, deadline=None)
@given(STEPS, st.sampled_from(["ask", "kill", "remap", "skip"]), st.booleans())
def test_in_any_order_every_service_has_one_state_and_all_is_given_back(
    steps: list[tuple[str, Any]], mode: str, all_users: bool
) -> None:
    story = Story(mode, all_users)
    for step, what in steps:
        story.play(step, what)
    story.play("snapshot", [])
    story.play("wait", 11.0)  # a question waits ten seconds for its service
    assert story.host.machine.services() == {}
    assert story.host.sockets == {}
    assert story.host.held == {}
    assert story.host.questions == {}


EVENTS = st.one_of(
    st.builds(lambda one: ev.ServicesChanged(appeared=(one,)), SERVICES),
    st.builds(lambda one: ev.ServicesChanged(vanished=(one.id,)), SERVICES),
    st.builds(
        lambda one, local: ev.BindDone(one.id, local), SERVICES, st.sampled_from(locals_of(80))
    ),
    st.builds(
        lambda one, local, number: ev.BindFailed(one.id, local, number, NODE),
        SERVICES,
        st.sampled_from(locals_of(8080)),
        st.sampled_from([errnos.EADDRINUSE, errnos.EMFILE, errnos.EACCES, errnos.EADDRNOTAVAIL]),
    ),
    st.builds(lambda one: ev.KillDone(one.id, True), SERVICES),
    st.builds(lambda one: ev.AnswerTakenBack(one.id), SERVICES),
    st.builds(lambda one, choice: ev.ChoiceMade(one.id, choice), SERVICES, CHOICES),
    st.builds(ev.PolicyChanged, POLICIES),
    st.just(ev.Ticked()),
    st.just(ev.LinkUp(TARGET)),
    st.just(ev.LinkDown("cut")),
)


@given(st.lists(EVENTS, max_size=40), st.sampled_from(["ask", "kill", "remap"]))
def test_a_host_that_answers_nonsense_breaks_nothing(events: list[ev.Event], mode: str) -> None:
    machine = PortMachine(options(mode, interactive=True, only="1-65535"), LocalFacts())
    present: set[ServiceId] = set()
    for step, event in enumerate(events):
        commands = machine.handle(event, step * 0.3)
        for command in of_type(commands, cmd.BindService):
            assert all(local.address in ("127.0.0.1", "::1") for local in command.locals)
        if isinstance(event, ev.ServicesChanged):
            present = (present - set(event.vanished)) | {one.id for one in event.appeared}
        known = {id_ for one in machine.services().values() for id_ in one.service.sockets}
        assert present <= known
    machine.handle(ev.ServicesChanged(is_complete=True), 100.0)
    machine.handle(ev.Ticked(), 102.0)
    assert machine.services() == {}
