"""The binder with the real machine, real sockets, and a link that only takes notes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest

from port_linker.cause import NOT_NAMED, Cause
from port_linker.link.interface import Binding
from port_linker.model import Proto, Service, ServiceId
from port_linker.ports import events as ev
from port_linker.ports import machine as machine_module
from port_linker.ports.machine import PortMachine
from port_linker.ports.os.kill import KillResult
from port_linker.ports.policy import OnConflict, Policy
from port_linker.ports.rules import parse_rules
from port_linker.ports.types import Local, LocalFacts, PortHolder, TargetFacts
from port_linker.session import binder as binder_module
from port_linker.session.binder import Binder
from port_linker.session.events import ConflictEvent, LogEvent, ServiceEvent, SessionEvent
from port_linker.session.questions import Question
from tests.fakes.waiting import until

UID = 1000
NODE = PortHolder(pid=71, command="node", uid=UID, start_ticks=5, is_ours=True)
TARGET = TargetFacts(login_uid=UID, ephemeral=(61000, 61001), ssh_port=None)
LOCAL = LocalFacts(unprivileged_start=1, is_privileged=True, ephemeral=(61000, 61001))


class FakeLink:
    """A link that notes what it is given."""

    def __init__(self) -> None:
        self.adopted: list[Binding] = []
        self.holds: list[float | None] = []
        self.resets = 0

    def adopt(self, binding: Binding) -> None:
        self.adopted.append(binding)

    def release(self, binding: Binding) -> None:
        self.adopted.remove(binding)

    def hold(self, _service: ServiceId, deadline_s: float | None) -> None:
        self.holds.append(deadline_s)

    def reset_flows(self, _service: ServiceId | None = None) -> None:
        self.resets += 1


class Rig:
    """A binder, what it told, and what it asked."""

    def __init__(self, on_conflict: OnConflict = OnConflict.SKIP, **words: Any) -> None:
        self.link = FakeLink()
        self.events: list[SessionEvent] = []
        self.questions: list[Question] = []
        self.answers: asyncio.Queue[str | None] = asyncio.Queue()
        self.saved: list[Mapping[str, int]] = []
        self.checked: list[Local] = []
        self.forgotten = False
        options = Policy(
            on_conflict=on_conflict, is_interactive=on_conflict is OnConflict.ASK, **words
        )
        self.binder = Binder(
            PortMachine(options, LOCAL, {}),
            self.link,  # type: ignore[arg-type]
            "dev1",
            self.events.append,
            self,
            self.saved.append,
            self._check,
        )
        self.binder._ports.holders = self  # type: ignore[assignment]
        self.binder.handle(ev.LinkUp(TARGET))

    async def find(self, _proto: Proto, _local: Local) -> PortHolder:
        return NODE

    def forget(self) -> None:
        self.forgotten = True

    def _check(self, _proto: Proto, local: Local) -> Any:
        self.checked.append(local)
        return lambda _peer: True

    async def ask(self, question: Question) -> str | None:
        self.questions.append(question)
        return await self.answers.get()

    def offer(self, *services: Service) -> None:
        self.binder.handle(ev.ServicesChanged(appeared=services))

    def states(self) -> list[str]:
        return [e.state.value for e in self.events if isinstance(e, ServiceEvent)]


@pytest.fixture
async def rigs() -> AsyncIterator[list[Rig]]:
    made: list[Rig] = []
    yield made
    for rig in made:
        rig.binder.close()


@pytest.fixture
def held() -> Iterator[int]:
    """A port that is held in both families."""
    with hold() as port:
        yield port


@contextlib.contextmanager
def hold() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with socket.create_server(("::1", port), family=socket.AF_INET6):
            yield port


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


def service(port: int, proto: Proto = Proto.TCP) -> Service:
    return Service(ServiceId(proto, "127.0.0.1", port), UID, user="dev", process="web", pid=7)


async def test_a_service_is_bound_handed_to_the_link_and_let_go(rigs: list[Rig]) -> None:
    rigs.append(rig := Rig())
    port = free_port()
    rig.offer(service(port))
    await until(lambda: rig.states() == ["ready"])  # within one turn, unless that was full
    assert rig.link.adopted[0].local == f"127.0.0.1:{port}"
    assert rig.binder.bound_count == len(rig.link.adopted) == len(rig.checked)
    assert all(binding.accepts is not None for binding in rig.link.adopted)
    socks = [binding.sock for binding in rig.link.adopted]
    rig.binder.handle(ev.ServicesChanged(vanished=(service(port).id,)))
    await until(lambda: rig.states() == ["ready", "down", "gone"])  # after its grace
    assert rig.link.adopted == []
    assert all(sock.fileno() == -1 for sock in socks)
    assert rig.link.holds == [1.0, None]


async def test_a_service_that_is_left_out_carries_the_code_of_its_cause(rigs: list[Rig]) -> None:
    rigs.append(rig := Rig(only=parse_rules(["80"], "--only")))
    rig.offer(service(9000))
    await until(lambda: rig.states() == ["skipped"])
    (event,) = (event for event in rig.events if isinstance(event, ServiceEvent))
    assert event.cause == Cause(NOT_NAMED, "not named in --only 80")


async def test_an_outage_holds_what_is_bound(rigs: list[Rig]) -> None:
    rigs.append(rig := Rig())
    rig.offer(service(free_port()))
    rig.binder.handle(ev.LinkDown("the cable"))
    rig.binder.handle(ev.LinkUp(TARGET))
    await until(lambda: rig.states() == ["ready", "down", "ready"])
    assert rig.link.holds == [10.0, None]


async def test_a_port_that_is_held_is_a_conflict_with_its_holder(
    rigs: list[Rig], held: int
) -> None:
    rigs.append(rig := Rig())
    rig.offer(service(held))
    await until(lambda: any(isinstance(event, ConflictEvent) for event in rig.events))
    (conflict,) = (event for event in rig.events if isinstance(event, ConflictEvent))
    assert conflict.port == held
    assert (conflict.holder_pid, conflict.holder_command) == (71, "node")


async def test_one_family_busy_is_a_conflict_and_the_other_stays_free(rigs: list[Rig]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        rigs.append(rig := Rig())
        rig.offer(service(port))
        await until(lambda: "conflict" in rig.states())
        assert rig.link.adopted == []
        with socket.create_server(("::1", port), family=socket.AF_INET6):
            pass
    await until(lambda: "ready" in rig.states())
    assert {one.local for one in rig.link.adopted} == {f"127.0.0.1:{port}", f"[::1]:{port}"}


async def test_finding_the_holder_does_not_stop_the_loop(rigs: list[Rig], held: int) -> None:
    rigs.append(rig := Rig())
    asked = asyncio.Event()

    async def find_slowly(_proto: Proto, _local: Local) -> PortHolder:
        await asked.wait()
        return NODE

    rig.find = find_slowly  # type: ignore[method-assign]
    rig.offer(service(held))
    rig.offer(service(free_port()))
    await until(lambda: rig.states() == ["ready"])  # the other one does not wait for the name
    asked.set()
    await until(lambda: "conflict" in rig.states())


async def test_a_person_decides_and_the_choice_is_remembered(rigs: list[Rig], held: int) -> None:
    rigs.append(rig := Rig(OnConflict.ASK))
    rig.offer(service(held))
    await until(lambda: rig.questions)
    assert str(held) in rig.questions[0].sentence
    rig.answers.put_nowait("remap")
    await until(lambda: rig.saved)
    (local,) = rig.saved[-1].values()
    assert local != held
    assert rig.link.adopted
    assert rig.binder._questions == {}


async def test_a_question_that_settled_itself_is_withdrawn(
    rigs: list[Rig], held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_module, "ASKED_GRACE_S", 0.05)
    rigs.append(rig := Rig(OnConflict.ASK))
    rig.offer(service(held))
    await until(lambda: rig.questions)
    (task,) = rig.binder._questions.values()
    rig.binder.handle(ev.ServicesChanged(vanished=(service(held).id,)))
    await until(task.cancelled)
    assert rig.binder._questions == {}


async def test_an_answer_is_taken_back_by_the_key_of_its_row(rigs: list[Rig], held: int) -> None:
    rigs.append(rig := Rig(OnConflict.ASK))
    rig.offer(service(held))
    key = service(held).id.key
    assert not rig.binder.has_answer(key)
    assert not rig.binder.take_back(key)
    await until(lambda: rig.questions)
    rig.answers.put_nowait("skip")
    await until(lambda: rig.states()[-1] == "skipped")
    assert rig.binder.has_answer(key)
    assert rig.binder.take_back(key)
    await until(lambda: len(rig.questions) == 2)


async def test_no_answer_changes_nothing(rigs: list[Rig], held: int) -> None:
    rigs.append(rig := Rig(OnConflict.ASK))
    rig.offer(service(held))
    await until(lambda: rig.questions)
    rig.answers.put_nowait(None)
    await until(lambda: rig.binder._questions == {})
    assert rig.link.adopted == []


async def test_the_holder_is_ended_on_request_and_the_port_taken(
    rigs: list[Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[PortHolder] = []
    with contextlib.ExitStack() as holder:
        port = holder.enter_context(hold())

        async def kill(who: PortHolder) -> KillResult:
            killed.append(who)
            holder.close()
            return KillResult(True)

        monkeypatch.setattr(binder_module, "kill_holder", kill)
        rigs.append(rig := Rig(OnConflict.ASK))
        rig.offer(service(port))
        await until(lambda: rig.questions)
        rig.answers.put_nowait("kill")
        await until(lambda: rig.link.adopted)
    assert killed == [NODE]
    told = [event.message for event in rig.events if isinstance(event, LogEvent)]
    assert told == [f"node (pid {NODE.pid}), which held port {port} on this machine, was ended"]
    assert rig.forgotten
    assert f"127.0.0.1:{port}" in [binding.local for binding in rig.link.adopted]


async def test_after_its_end_nothing_is_bound_whatever_still_comes_back() -> None:
    rig = Rig()
    rig.offer(service(free_port()))
    rig.binder.close()
    assert rig.link.adopted == []
    rig.offer(service(free_port()))
    assert rig.link.adopted == []
    assert rig.binder.bound_count == 0


async def test_udp_is_bound_too(rigs: list[Rig]) -> None:
    rigs.append(rig := Rig())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    rig.offer(service(port, Proto.UDP))
    await until(lambda: rig.states() == ["ready"])
    assert rig.link.adopted[0].sock.type == socket.SOCK_DGRAM


async def test_what_the_agent_says_waits_while_very_much_is_to_be_done(
    rigs: list[Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binder_module, "TURN_S", 0.0)  # every event waits
    rigs.append(Rig())  # and that the link is up is the first of them
    for _ in range(binder_module.MAX_WAITING - 1):
        assert not rigs[0].binder.is_behind()
        rigs[0].offer()
    assert rigs[0].binder.is_behind()
    monkeypatch.setattr(binder_module, "TURN_S", 1.0)
    await until(lambda: not rigs[0].binder.is_behind())
