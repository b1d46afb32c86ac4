"""QUIC: the fast link comes up by itself, carries what stdio carries, and is never in the way."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from tests.lab import services as kinds
from tests.lab.fixtures import LabFactory, Start
from tests.lab.hosts import TARGET4, TwoHosts
from tests.lab.probe import exchange
from tests.lab.quic import (
    host_sidecars,
    patched_env,
    start_quic,
    target_sidecars,
    wait_carried,
    wait_quic,
)
from tests.lab.services import Services

pytestmark = pytest.mark.lab


def test_a_connection_goes_over_quic(lab: TwoHosts, services: Services, start: Start) -> None:
    services.tcp(kinds.echo, 7001)
    program = start(lab, "target", "--link", "quic")
    program.wait_service(7001)
    program.wait_event("link", link="quic", state="up")
    with lab.connect(7001) as sock:
        assert exchange(sock, b"x" * 100_000) == b"x" * 100_000


def test_the_link_event_tells_its_path_and_its_figures(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    services.tcp(kinds.echo, 7001)
    program = start(lab, "target", "--link", "auto")
    program.wait_service(7001)
    wait_carried(lab, 7001)
    with lab.connect(7001) as sock:
        assert exchange(sock, b"x" * 1_000_000) == b"x" * 1_000_000
    measured = program.wait(
        lambda events: next((row for row in events if row.get("mtu") == 1472), None), "an MTU"
    )
    assert (measured["link"], measured["path"]) == ("quic", f"{TARGET4}:60000")
    assert measured["rtt_ms"] > 0
    lab.pair.block_udp()
    dark = program.wait_event("link", timeout_s=15, link="quic", state="down", path="ssh")
    assert "UDP does not pass" in dark["reason"]
    lab.pair.unblock_udp()
    program.wait_event("link", program.mark(), link="quic", state="up", path=measured["path"])


@pytest.mark.container
def test_an_old_target_takes_the_sidecar_too(
    lab_factory: LabFactory, image: Callable[[str], str]
) -> None:
    """Python 3.9 and a C library of 2021."""
    lab = lab_factory(image=image("debian11"))
    with Services(lab.target) as services:
        services.tcp(kinds.echo, 7001)
        program = start_quic(lab)
        program.wait_service(7001)
        wait_carried(lab, 7001)
        with lab.connect(7001) as sock:
            assert exchange(sock, b"x" * 100_000) == b"x" * 100_000
        program.stop()


def test_without_ssh_in_between_there_is_no_address_and_that_is_said(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    services.tcp(kinds.echo, 7001)
    script = lab.write_host(
        "bin/reach", "#!/bin/sh\nexec ssh target env -u SSH_CONNECTION sh\n", 0o755
    )
    program = start(lab, f"exec:{script}", "--link", "auto")
    program.wait_service(7001)
    assert "not reached by ssh" in wait_quic(program, "down")["reason"]
    with lab.connect(7001) as sock:
        assert exchange(sock, b"x") == b"x"


def test_quic_or_nothing_ends_the_session(lab: TwoHosts, start: Start) -> None:
    lab.pair.block_udp()
    program = start(lab, "target", "--link", "quic", up=False)
    program.wait_error("PL-LINK-QUIC")


@pytest.fixture
def without_tunnel(lab: TwoHosts) -> dict[str, str]:
    """The environment of a program that has no second wheel."""
    hide = "import sys\nsys.modules['port_linker_tunnel'] = None\n"
    return patched_env(lab, hide, PORT_LINKER_LINK="auto")


def test_without_the_second_wheel_everything_goes_over_stdio(
    lab: TwoHosts, services: Services, start: Start, without_tunnel: dict[str, str]
) -> None:
    services.tcp(kinds.echo, 7001)
    services.udp(7002)
    program = start(lab, "target", env=without_tunnel)
    program.wait_service(7001)
    program.wait_service(7002, proto="udp")
    assert "port-linker-tunnel is not installed" in wait_quic(program, "down")["reason"]
    with lab.connect(7001) as sock:
        assert exchange(sock, b"x" * 100_000) == b"x" * 100_000
    with lab.host.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.settimeout(5)
        sock.connect(("127.0.0.1", 7002))
        assert exchange(sock, b"y" * 1200) == b"y" * 1200
    assert host_sidecars(lab) == target_sidecars(lab) == []


def test_quic_or_nothing_without_the_second_wheel_says_what_to_install(
    lab: TwoHosts, start: Start, without_tunnel: dict[str, str]
) -> None:
    program = start(lab, "target", "--link", "quic", up=False, env=without_tunnel)
    assert "pip install 'port-linker[quic]'" in program.wait_error("PL-LINK-NO-TUNNEL")
