"""The sockets of one process on one port are one service here too."""

from __future__ import annotations

from port_linker.ports import commands as cmd
from port_linker.ports.types import LocalFacts
from tests.ports.kit import host, locals_of, of_type, options, service

ANY4, ANY6 = service("0.0.0.0:80", pid=7), service("tcp/[::]:80", pid=7, v6only=True)


def test_the_sockets_of_one_process_are_one_service_with_one_question() -> None:
    here = host(options(interactive=True))
    here.hold_port(80)
    here.appear(ANY4, ANY6)
    assert list(here.states) == [ANY4.id]
    assert len(here.questions) == 1
    here.answer("remap")
    assert here.shown("0.0.0.0:80")[1] == ("127.0.0.1:8080", "[::1]:8080")
    assert here.remaps == {"tcp/0.0.0.0:80": 8080}


def test_one_local_port_stands_in_for_both_families() -> None:
    here = host(facts=LocalFacts())
    here.hold_port(8080, families="6")
    here.appear(ANY4, ANY6)
    assert here.shown("0.0.0.0:80")[1] == ("127.0.0.1:18080", "[::1]:18080")


def test_each_local_family_dials_the_socket_of_its_own() -> None:
    here = host()
    (bind, _) = here.appear(ANY4, ANY6)
    assert bind == cmd.BindService(ANY4.id, tuple(locals_of(80)), ((6, ANY6.id),))


def test_a_family_whose_socket_closes_is_bound_to_the_other_one() -> None:
    here = host()
    here.appear(ANY4, ANY6)
    commands = here.vanish("tcp/[::]:80", now=1.0)
    six = locals_of(80, "6")[0]
    assert of_type(commands, cmd.ReleaseService) == [cmd.ReleaseService(ANY4.id, (six,))]
    assert of_type(commands, cmd.BindService) == [cmd.BindService(ANY4.id, (six,))]
    assert here.shown("0.0.0.0:80")[1] == ("127.0.0.1:80", "[::1]:80")


def test_a_service_that_loses_the_socket_of_its_name_goes_on_under_the_other() -> None:
    here = host()
    here.appear(ANY4, ANY6)
    here.vanish("0.0.0.0:80", now=1.0)
    assert here.shown("tcp/[::]:80")[:2] == ("ready", ("127.0.0.1:80", "[::1]:80"))
    assert here.state("0.0.0.0:80") == "gone"
