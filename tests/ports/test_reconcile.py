"""The order of what is done: what frees a port stands before what takes one."""

from __future__ import annotations

from dataclasses import replace

from port_linker.ports import commands as cmd
from port_linker.ports import events as ev
from tests.ports.kit import host, of_type, options, service

WEB = service("127.0.0.1:8080")


def test_a_port_is_freed_before_it_is_taken() -> None:
    here = host()
    here.appear(replace(WEB, pid=1))
    other = service("tcp/[::1]:8080", pid=2)
    kinds = [type(command) for command in here.appear(other)]
    assert kinds.index(cmd.ReleaseService) < kinds.index(cmd.BindService)


def test_a_service_that_moves_to_every_address_has_its_port_at_once() -> None:
    here = host()
    here.appear(WEB)
    moved = service("0.0.0.0:8080")
    here.feed(ev.ServicesChanged(appeared=(moved,), vanished=(WEB.id,)), 1.0)
    assert here.state("0.0.0.0:8080") == "ready"
    assert here.state("127.0.0.1:8080") == "gone"


def test_many_graces_end_in_order_and_cheaply() -> None:
    here = host()
    services = [service(f"127.0.0.1:{port}") for port in range(2000, 2300)]
    here.appear(*services)
    for number, one in enumerate(services):
        here.vanish(one.id.key, now=1.0 + number / 1000)
    here.log.clear()
    here.tick_until(2.1)
    gone = [command.service.id.port for command in of_type(here.log, cmd.ReportService)]
    assert gone == list(range(2000, 2101))
    here.tick_until(3.0)
    assert here.sockets == {}


def test_a_bind_that_comes_during_an_outage_waits_like_the_others() -> None:
    here = host()
    here.feed(ev.LinkDown("cut"), 1.0)
    here.appear(WEB, now=1.0)
    assert here.held == {WEB.id: 10.0}
    assert here.shown("127.0.0.1:8080") == (
        "down",
        ("127.0.0.1:8080", "[::1]:8080"),
        "waits for contact (cut)",
    )
    here.vanish("127.0.0.1:8080", now=2.0)
    assert here.held == {WEB.id: 1.0}


def test_a_port_that_is_held_says_so_when_its_service_goes() -> None:
    for hold, reason in ((True, "its local port stays bound until the session ends"), (False, "")):
        here = host(options(hold=hold))
        here.appear(WEB)
        here.vanish("127.0.0.1:8080", now=1.0)
        here.tick_until(3.0)
        assert here.state("127.0.0.1:8080") == "gone"
        assert here.reason("127.0.0.1:8080").startswith(reason)
        assert bool(here.reason("127.0.0.1:8080")) is hold


def test_how_long_a_connection_waits_in_an_outage_is_settable() -> None:
    here = host(replace(options(), outage_hold_s=3.0))
    here.appear(WEB)
    here.feed(ev.LinkDown("cut"), 1.0)
    assert here.held == {WEB.id: 3.0}
