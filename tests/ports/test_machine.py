"""The life of services on this machine, told as transcripts."""

from __future__ import annotations

import errno as errnos
from dataclasses import replace

import pytest

from port_linker.model import Proto
from port_linker.ports import commands as cmd
from port_linker.ports import events as ev
from port_linker.ports import services
from port_linker.ports.machine import PortMachine
from port_linker.ports.types import Local, LocalFacts, ServiceState
from tests.ports.kit import (
    BOB,
    FACTS,
    NODE,
    TARGET,
    host,
    locals_of,
    of_type,
    options,
    service,
)

WEB = service("127.0.0.1:8080", process="web")
V4, V6 = locals_of(8080)


def test_a_service_comes_and_goes() -> None:
    machine = PortMachine(options(), FACTS)
    transcript: list[tuple[float, ev.Event, list[cmd.Command]]] = [
        (0.0, ev.LinkUp(TARGET), []),
        (0.0, ev.ServicesChanged(appeared=(WEB,)), [cmd.BindService(WEB.id, (V4, V6))]),
        (0.0, ev.BindDone(WEB.id, V4), []),
        (
            0.0,
            ev.BindDone(WEB.id, V6),
            [cmd.ReportService(WEB, ServiceState.READY, ("127.0.0.1:8080", "[::1]:8080"))],
        ),
        (
            9.0,
            ev.ServicesChanged(vanished=(WEB.id,)),
            [
                cmd.HoldService(WEB.id, 1.0),
                cmd.ReportService(
                    WEB,
                    ServiceState.DOWN,
                    ("127.0.0.1:8080", "[::1]:8080"),
                    "closed on the target; leaves in a moment unless it is back",
                ),
                cmd.WakeAt(10.0),
            ],
        ),
        (9.9, ev.Ticked(), [cmd.WakeAt(10.0)]),
        (
            10.0,
            ev.Ticked(),
            [
                cmd.ReleaseService(WEB.id, (V4, V6)),
                cmd.UnholdService(WEB.id),
                cmd.ReportService(WEB, ServiceState.GONE),
            ],
        ),
    ]
    for now, event, commands in transcript:
        assert machine.handle(event, now) == commands
    assert machine.services() == {}
    assert WEB.id not in machine.services()


def test_a_service_that_comes_back_within_the_grace_keeps_its_sockets() -> None:
    here = host()
    here.appear(WEB)
    here.vanish("127.0.0.1:8080", now=1.0)
    assert here.state("127.0.0.1:8080") == "down"
    commands = here.appear(WEB, now=1.9)
    assert commands == [
        cmd.UnholdService(WEB.id),
        cmd.ReportService(WEB, ServiceState.READY, ("127.0.0.1:8080", "[::1]:8080")),
    ]
    assert here.tick_until(9.0) == [], "the old end of the grace means nothing now"


def test_a_restart_between_two_scans_is_no_news() -> None:
    here = host()
    here.appear(WEB)
    both = ev.ServicesChanged(appeared=(WEB,), vanished=(WEB.id,))
    assert here.feed(both, 1.0) == []


def test_graces_end_one_by_one() -> None:
    here = host()
    here.appear(WEB, service("127.0.0.1:3000"))
    here.vanish("127.0.0.1:3000", now=1.0)
    here.vanish("127.0.0.1:8080", now=1.5)
    here.feed(ev.LinkDown("cut"), 1.6)
    here.tick_until(2.1)
    assert here.state("127.0.0.1:3000") == "gone"
    assert here.state("127.0.0.1:8080") == "down"
    here.tick_until(2.6)
    assert here.sockets == {}


def test_what_was_never_bound_goes_without_a_grace() -> None:
    here = host(options(skip="8080"))
    here.appear(WEB)
    assert here.shown("127.0.0.1:8080") == ("skipped", (), "left out by --skip 8080")
    assert here.vanish("127.0.0.1:8080") == [cmd.ReportService(WEB, ServiceState.GONE)]
    assert here.vanish("127.0.0.1:8080") == []


def test_a_new_process_behind_a_service_is_news() -> None:
    here = host()
    here.appear(WEB)
    other = replace(WEB, process="other")
    commands = here.feed(ev.ServicesChanged(changed=(other,)))
    local = ("127.0.0.1:8080", "[::1]:8080")
    assert commands == [cmd.ReportService(other, ServiceState.READY, local)]


def test_a_whole_list_says_what_is_no_longer_there() -> None:
    here = host()
    here.appear(WEB, service("127.0.0.1:3000"))
    here.feed(ev.ServicesChanged(appeared=(WEB,), is_complete=True), 1.0)
    assert here.state("127.0.0.1:3000") == "down"
    assert here.state("127.0.0.1:8080") == "ready"


def test_an_outage_keeps_the_sockets_and_names_the_reason() -> None:
    here = host()
    here.appear(WEB, service("0.0.0.0:22"))
    before = dict(here.sockets)
    commands = here.feed(ev.LinkDown("dark"), 1.0)
    assert commands == [
        cmd.HoldService(WEB.id, 10.0),
        cmd.ReportService(
            WEB, ServiceState.DOWN, ("127.0.0.1:8080", "[::1]:8080"), "waits for contact (dark)"
        ),
    ]
    commands = here.feed(ev.LinkUp(TARGET), 60.0)
    assert commands == [
        cmd.UnholdService(WEB.id),
        cmd.ReportService(WEB, ServiceState.READY, ("127.0.0.1:8080", "[::1]:8080")),
    ]
    assert here.sockets == before
    assert here.state("0.0.0.0:22") == "skipped"


def test_services_known_before_the_link_is_up_are_down() -> None:
    here = host(options(all_users=True), up=False)
    here.appear(WEB)
    assert here.shown("127.0.0.1:8080")[0] == "down"
    here.feed(ev.LinkUp(TARGET))
    assert here.state("127.0.0.1:8080") == "ready"


@pytest.mark.parametrize("families", ["4", "6"])
def test_one_family_busy_is_a_conflict_of_the_whole_service(families: str) -> None:
    here = host(options(interactive=True))
    here.hold_port(8080, families=families)
    here.appear(WEB)
    (local,) = locals_of(8080, families)
    told = ("conflict", (), f"{local.text} is held here by node (pid 71)")
    assert here.shown("127.0.0.1:8080") == told
    assert here.sockets == {}, "nothing is bound in between"
    (question,) = here.questions.values()
    assert question.choices == ("kill", "remap", "skip")
    here.answer("remap")
    assert here.shown("127.0.0.1:8080")[1] == ("127.0.0.1:16080", "[::1]:16080")


def test_nothing_stays_bound_when_one_family_turns_out_to_be_busy() -> None:
    """A host that answers address by address: what it bound meanwhile is given up."""
    machine = PortMachine(options(), FACTS)
    machine.handle(ev.LinkUp(TARGET), 0.0)
    machine.handle(ev.ServicesChanged(appeared=(WEB,)), 0.0)
    machine.handle(ev.BindDone(WEB.id, V6), 0.0)
    commands = machine.handle(ev.BindFailed(WEB.id, V4, errnos.EADDRINUSE, NODE), 0.1)
    assert commands[0] == cmd.ReleaseService(WEB.id, (V6,), is_conflict=True)
    report = machine.services()[WEB.id]
    assert report is not None
    assert (report.state, report.local) == (ServiceState.CONFLICT, ())


def test_a_port_freed_in_both_families_is_taken_in_both() -> None:
    here = host()
    here.hold_port(8080, families="4")
    here.appear(WEB)
    assert here.sockets == {}
    here.free_port(8080)
    here.tick_until(1.0)
    assert here.shown("127.0.0.1:8080") == ("ready", ("127.0.0.1:8080", "[::1]:8080"), None)
    here.tick_until(9.0)
    assert here.wake_at is None, "nothing is left to wait for"


def test_a_family_that_becomes_wanted_later_and_is_busy_takes_the_other_along() -> None:
    here = host()
    other = service("tcp/[::1]:8080", pid=2)
    here.appear(replace(WEB, pid=1), other)
    assert here.shown("127.0.0.1:8080")[1] == ("127.0.0.1:8080",)
    here.hold_port(8080, families="6")  # in the moment between its release and our bind
    here.vanish("tcp/[::1]:8080", now=1.0)
    here.tick_until(3.0)
    assert here.state("127.0.0.1:8080") == "conflict"
    assert here.sockets == {}


@pytest.mark.parametrize("number", [errnos.EADDRNOTAVAIL, errnos.EAFNOSUPPORT])
def test_a_machine_that_lost_ipv6_makes_no_noise(number: int) -> None:
    here = host()
    here.errno[Proto.TCP, V6] = number
    here.appear(WEB)
    assert here.shown("127.0.0.1:8080") == ("ready", ("127.0.0.1:8080",), None)
    assert here.wake_at is None, "and does not try again"


def test_an_odd_refusal_is_a_conflict_with_its_name() -> None:
    here = host(replace(options(), on_conflict=options("kill").on_conflict))
    here.errno[Proto.TCP, V4] = errnos.EPERM
    here.errno[Proto.TCP, V6] = errnos.EADDRNOTAVAIL
    here.appear(WEB)
    assert here.state("127.0.0.1:8080") == "conflict"
    assert here.reason("127.0.0.1:8080") == (
        "127.0.0.1:8080 cannot be bound here (EPERM); "
        "[::1]:8080 cannot be bound here (EADDRNOTAVAIL)"
    )
    here.errno.clear()
    here.tick_until(1.0)
    assert here.state("127.0.0.1:8080") == "ready"


def test_a_freed_port_is_taken_within_a_second() -> None:
    here = host()
    here.hold_port(8080)
    here.appear(WEB)
    assert here.shown("127.0.0.1:8080") == (
        "conflict",
        (),
        "port 8080 is held here by node (pid 71)",
    )
    (said,) = of_type(here.log, cmd.ReportConflict)
    assert (said.holder, said.choices) == (NODE, ("kill", "remap", "skip"))
    here.tick_until(5.0)
    assert len(of_type(here.log, cmd.ReportConflict)) == 1, "the same holder is no news"
    here.free_port(8080)
    here.tick_until(6.0)
    assert here.state("127.0.0.1:8080") == "ready"


def test_a_bind_refused_for_want_of_privilege_moves_the_service() -> None:
    here = host()
    here.errno[Proto.TCP, Local(4, "127.0.0.1", 80)] = errnos.EACCES
    here.appear(service("0.0.0.0:80"))
    state, local, reason = here.shown("0.0.0.0:80")
    assert (state, local) == ("ready", ("127.0.0.1:8080", "[::1]:8080"))
    assert reason == "port 80 needs privilege here, 8080 stands in"
    assert len(here.sockets) == 2
    assert here.remaps == {"tcp/0.0.0.0:80": 8080}


def test_a_busy_stand_in_is_passed_over() -> None:
    here = host(facts=LocalFacts())
    here.hold_port(8080, families="6")
    here.appear(service("0.0.0.0:80"))
    assert here.shown("0.0.0.0:80")[1] == ("127.0.0.1:18080", "[::1]:18080")
    assert here.remaps == {"tcp/0.0.0.0:80": 18080}
    again = host(facts=LocalFacts(), remembered=here.remaps)
    again.appear(service("0.0.0.0:80"))
    assert again.shown("0.0.0.0:80")[1][0] == "127.0.0.1:18080"
    assert again.remaps == {}


def test_the_owner_of_a_number_takes_it_from_a_guest() -> None:
    here = host(facts=LocalFacts())
    here.appear(service("0.0.0.0:80"))
    here.appear(WEB)
    assert here.shown("127.0.0.1:8080")[1] == ("127.0.0.1:8080", "[::1]:8080")
    assert here.shown("0.0.0.0:80")[1] == ("127.0.0.1:18080", "[::1]:18080")


def test_a_second_service_of_the_port_takes_its_own_family() -> None:
    here = host()
    here.appear(replace(WEB, pid=1))
    here.appear(service("tcp/[::1]:8080", pid=2))
    assert here.shown("127.0.0.1:8080")[1] == ("127.0.0.1:8080",)
    assert here.shown("tcp/[::1]:8080")[1] == ("[::1]:8080",)
    here.vanish("127.0.0.1:8080", now=1.0)
    assert here.state("127.0.0.1:8080") == "gone", "who is there goes before who may come back"
    assert here.shown("tcp/[::1]:8080")[1] == ("127.0.0.1:8080", "[::1]:8080")


def test_a_port_that_another_person_takes_over_is_cut_off() -> None:
    here = host(options(all_users=True))
    here.appear(WEB)
    here.vanish("127.0.0.1:8080", now=1.0)
    bobs = service("127.0.0.1:8080", BOB)
    commands = here.appear(bobs, now=1.5)
    assert commands[:3] == [
        cmd.ResetFlows(WEB.id),
        cmd.ReleaseService(WEB.id, (V4, V6)),
        cmd.UnholdService(WEB.id),
    ]
    assert here.shown("127.0.0.1:8080")[0] == "skipped"
    assert here.reason("127.0.0.1:8080").startswith("owner changed from alice to bob")
    here.appear(WEB, now=2.0)
    assert here.state("127.0.0.1:8080") == "ready"


def test_connections_that_wait_never_reach_another_persons_wildcard() -> None:
    here = host()
    here.appear(WEB)
    here.vanish("127.0.0.1:8080", now=1.0)
    here.appear(service("0.0.0.0:8080", BOB), now=1.5)
    commands = here.tick_until(2.0)
    kinds = [type(command) for command in commands[:3]]
    assert kinds == [cmd.ResetFlows, cmd.ReleaseService, cmd.UnholdService]
    assert here.state("0.0.0.0:8080") == "skipped"


def test_answers_that_come_late_lose_nothing() -> None:
    machine = PortMachine(options(), FACTS)
    machine.handle(ev.LinkUp(TARGET), 0.0)
    machine.handle(ev.ServicesChanged(appeared=(WEB,)), 0.0)
    machine.handle(ev.ServicesChanged(vanished=(WEB.id,)), 0.0)
    assert machine.services() == {}
    assert machine.handle(ev.BindDone(WEB.id, V4), 0.1) == [cmd.ReleaseService(WEB.id, (V4,))]
    assert machine.handle(ev.BindFailed(WEB.id, V6, errnos.EMFILE), 0.1) == []
    assert machine.handle(ev.KillDone(WEB.id, True), 0.1) == []
    assert machine.handle(ev.Answered("conflict:x", "kill"), 0.1) == []


def test_an_answer_given_twice_is_taken_once() -> None:
    here = host()
    here.appear(WEB)
    assert here.feed(ev.BindDone(WEB.id, V4)) == []
    assert here.feed(ev.BindFailed(WEB.id, V4, errnos.EADDRINUSE)) == []


def test_while_it_is_being_bound_a_service_waits() -> None:
    machine = PortMachine(options(), FACTS)
    machine.handle(ev.LinkUp(TARGET), 0.0)
    machine.handle(ev.ServicesChanged(appeared=(WEB,)), 0.0)
    report = machine.services()[WEB.id]
    assert report is not None
    assert (report.state, report.reason) == (ServiceState.WAITING, "being bound")


def test_a_target_cannot_fill_our_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_SOCKETS", 2)
    here = host()
    here.appear(*(service(f"127.0.0.1:{port}") for port in (3000, 3001, 3002)))
    assert len(here.machine.services()) == 2
