"""A service is reached at the very address it is bound to, over an IPv6-only link too."""

from __future__ import annotations

import socket

import pytest

from tests.lab import services as kinds
from tests.lab.fixtures import LabFactory, Start
from tests.lab.hosts import TARGET4, TARGET6, TwoHosts
from tests.lab.pair import Pair
from tests.lab.probe import exchange
from tests.lab.services import Services

pytestmark = pytest.mark.lab
BRIDGE4 = "172.29.0.1"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.53", "::1", "0.0.0.0", "::", TARGET4, TARGET6, BRIDGE4]
)
def test_a_service_is_reached_where_it_is_bound(
    lab: TwoHosts, services: Services, start: Start, host: str
) -> None:
    lab.target.ip("link", "add", "br0", "type", "bridge")
    lab.target.ip("addr", "add", f"{BRIDGE4}/24", "dev", "br0")
    lab.target.ip("link", "set", "br0", "up")
    services.tcp(kinds.echo, 7001, host)
    services.udp(7002, host)
    program = start(lab, "target")
    event = program.wait_service(7001)
    assert event["remote"] == (f"[{host}]:7001" if ":" in host else f"{host}:7001")
    for family in (socket.AF_INET, socket.AF_INET6):
        with lab.connect(7001, family) as sock:
            assert exchange(sock, b"abc") == b"abc"
    program.wait_service(7002, proto="udp")
    with lab.host.bind_udp("127.0.0.1", 0) as sock:
        sock.settimeout(5)
        sock.sendto(b"abc", ("127.0.0.1", 7002))
        assert sock.recv(10) == b"abc"


def test_each_family_takes_the_socket_of_its_own(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    async def says_four(reader: kinds.Reader, writer: kinds.Writer) -> None:
        writer.write(b"4")

    async def says_six(reader: kinds.Reader, writer: kinds.Writer) -> None:
        writer.write(b"6")

    services.tcp(says_four, 7001, "127.0.0.1")
    services.tcp(says_six, 7001, "::1")
    program = start(lab, "target")
    found = program.wait_service(7001, remote="127.0.0.1:7001")
    assert found["addresses"] == ["127.0.0.1:7001", "[::1]:7001"], "one process, one service"
    with lab.connect(7001) as sock:
        assert sock.recv(1) == b"4"
    with lab.connect(7001, socket.AF_INET6) as sock:
        assert sock.recv(1) == b"6"


def test_loopback_wins_over_an_interface(lab: TwoHosts, services: Services, start: Start) -> None:
    services.tcp(kinds.greet, 7001, "127.0.0.1")
    services.tcp(kinds.reset, 7001, TARGET4)
    program = start(lab, "target")
    program.wait_service(7001, remote="127.0.0.1:7001")
    loser = program.wait_service(7001, "conflict", remote=f"{TARGET4}:7001")
    assert "127.0.0.1" in loser["reason"]
    with lab.connect(7001) as sock:
        assert sock.recv(1) == b"!"


def test_over_an_ipv6_only_link(lab_factory: LabFactory, start: Start) -> None:
    lab = lab_factory(Pair(ipv4=False))
    with Services(lab.target) as services:
        services.tcp(kinds.echo, 7001)
        start(lab, "target6").wait_service(7001)
        with lab.connect(7001) as sock:
            assert exchange(sock, b"six") == b"six"
