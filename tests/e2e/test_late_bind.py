"""Late Bind: services come and go while the session runs, and the local ports follow at once."""

from __future__ import annotations

import socket
import statistics
import time

import pytest

from tests.lab.fixtures import Start
from tests.lab.hosts import TwoHosts
from tests.lab.probe import first_byte_s, is_refused
from tests.lab.services import Services, greet
from tests.lab.shell import wait_until

pytestmark = pytest.mark.lab


def test_a_service_of_before_is_there_when_the_session_is_up(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    services.tcp(greet, 7001)
    program = start(lab, "target")
    event = program.wait_service(7001)
    assert event["local"] == ["127.0.0.1:7001", "[::1]:7001"]
    assert event["remote"] == "127.0.0.1:7001"
    for family in (socket.AF_INET, socket.AF_INET6):
        with lab.connect(7001, family) as sock:
            assert sock.recv(1) == b"!"


def test_the_first_line_is_hello_and_every_line_has_its_keys(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    services.tcp(greet, 7001)
    program = start(lab, "target")
    program.wait_service(7001)
    hello = program.events[0]
    assert (hello["event"], hello["schema"]) == ("hello", 2)
    assert hello["version"]
    assert hello["session"]
    assert program.garbage == []
    for event in program.events:
        assert {"event", "at", "target"} <= event.keys()
    states = [e["state"] for e in program.events if e["event"] == "session"]
    assert states == ["connecting", "deploying", "up"]


def test_a_late_service_is_usable_within_a_quarter_of_a_second(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    start(lab, "target")
    took = []
    for port in range(7001, 7010):
        begin = time.monotonic()
        services.tcp(greet, port)
        took.append(first_byte_s(lab, port, begin))
    assert statistics.median(took) <= 0.25, took
    assert max(took) <= 1.0, took


def test_a_closed_service_is_refused_within_1_3_seconds(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    served = services.tcp(greet, 7001)
    program = start(lab, "target")
    program.wait_service(7001)
    served.close()
    begin = time.monotonic()
    wait_until(lambda: is_refused(lab, 7001), "7001 is refused", timeout_s=5)
    assert time.monotonic() - begin <= 1.3
    program.wait_service(7001, "gone")
    assert is_refused(lab, 7001, socket.AF_INET6)


def test_a_service_that_restarts_in_time_never_refuses(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    served = services.tcp(greet, 7001)
    program = start(lab, "target")
    program.wait_service(7001)
    served.close()
    program.wait_service(7001, "down")
    with lab.connect(7001) as sock:  # waits in the grace
        services.tcp(greet, 7001)
        assert sock.recv(1) == b"!"
    program.wait_service(7001)
    assert all(e.get("state") != "gone" for e in program.events if e["event"] == "service")


def test_udp_services_come_and_go(lab: TwoHosts, services: Services, start: Start) -> None:
    program = start(lab, "target")
    served, _ = services.udp(7001)
    program.wait_service(7001, proto="udp")
    with lab.host.bind_udp("127.0.0.1", 0) as sock:
        sock.settimeout(5)
        sock.sendto(b"hello", ("127.0.0.1", 7001))
        assert sock.recvfrom(100) == (b"hello", ("127.0.0.1", 7001))
    served.close()
    program.wait_service(7001, "gone", proto="udp")


def test_ctrl_c_closes_everything_and_leaves_nothing_on_the_target(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    from tests.lab.probe import target_pids

    services.tcp(greet, 7001)
    program = start(lab, "target")
    program.wait_service(7001)
    assert program.stop() == 130
    assert program.events[-1]["state"] == "closed"
    assert is_refused(lab, 7001)
    wait_until(lambda: not target_pids(lab), "no process is left on the target", timeout_s=5)
