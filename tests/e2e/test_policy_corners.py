"""What is bound here when things move: guests that give way, services that come and go."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.lab import services as kinds
from tests.lab.fixtures import LabFactory, Start
from tests.lab.hosts import TwoHosts
from tests.lab.program import PortLinker
from tests.lab.quic import wait_carried
from tests.lab.services import Services
from tests.lab.shell import wait_until

pytestmark = pytest.mark.lab
LINKS = pytest.mark.parametrize("link", ["stdio", "quic"])


def states_of(program: PortLinker, port: int) -> list[str]:
    """Return the states of a port's services, in their order."""
    found = [event for event in program.events if event["event"] == "service"]
    return [event["state"] for event in found if event["port"] == port]


@LINKS
def test_a_guest_gives_way_without_a_line_about_ourselves(
    lab_factory: LabFactory, start: Start, link: str
) -> None:
    """--only 80,8080 and a late 8080: 80 stands on 8080 until then."""
    lab = lab_factory(host_user=True)
    with Services(lab.target) as services:
        services.tcp(kinds.greet, 80)
        program = start(lab, "target", "--only", "80,8080", "--link", link)
        assert program.wait_service(80)["local"][0] == "127.0.0.1:8080"
        if link == "quic":
            wait_carried(lab, 8080)
        services.tcp(kinds.echo, 8080)
        assert program.wait_service(8080)["local"] == ["127.0.0.1:8080", "[::1]:8080"]
        assert program.wait_service(80)["local"] == ["127.0.0.1:18080", "[::1]:18080"]
        assert not [event for event in program.events if event["event"] == "conflict"]
        assert set(states_of(program, 8080)) == {"ready"}
        with lab.connect(18080) as sock:
            assert sock.recv(1) == b"!"


def test_both_sockets_of_a_service_are_one_row_on_one_port(
    lab_factory: LabFactory, start: Start
) -> None:
    lab = lab_factory(host_user=True)
    with Services(lab.target) as services:
        services.tcp(kinds.greet, 80, "127.0.0.1")
        services.tcp(kinds.greet, 80, "::1")
        holder = lab.start(*hold_words("::1", 8080, 10), stdout=subprocess.PIPE)
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        program = start(lab, "target", "--only", "80")
        event = program.wait_service(80)
        assert event["local"] == ["127.0.0.1:18080", "[::1]:18080"]
        assert event["addresses"] == ["127.0.0.1:80", "[::1]:80"]
        rows = [one for one in program.events if one["event"] == "service" and one["port"] == 80]
        assert {one["remote"] for one in rows} == {"127.0.0.1:80"}


def hold_words(host: str, port: int, family: int) -> list[str]:
    code = (
        f"import socket, time; s = socket.create_server(('{host}', {port}), family={family});"
        " print('held', flush=True); time.sleep(600)"
    )
    return [sys.executable, "-S", "-c", code]


def test_a_service_that_comes_and_goes_ends_three_processes_at_most(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    program = start(lab, "target", "--only", "7001", "--on-conflict", "kill")
    ended = 0
    for turn in range(5):
        holder = lab.start(*hold_words("127.0.0.1", 7001, 2), stdout=subprocess.PIPE)
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        served = services.tcp(kinds.greet, 7001)
        if turn < 3:
            program.wait_service(7001)
            assert holder.wait(5) == -15
            ended += 1
        else:
            told = program.wait_service(7001, "conflict")["reason"]
            assert "in this session already" in told
            assert holder.poll() is None
        served.close()
        program.wait_service(7001, "gone")
        holder.kill()
        holder.wait()
    assert ended == 3


def test_hold_resets_over_quic_too(lab: TwoHosts, services: Services, start: Start) -> None:
    served = services.tcp(kinds.greet, 7001)
    program = start(lab, "target", "--hold", "--link", "quic")
    program.wait_service(7001)
    wait_carried(lab, 7001)
    served.close()
    program.wait_service(7001, "gone")
    with lab.connect(7001) as sock, pytest.raises(ConnectionResetError):
        assert sock.recv(1)
    services.tcp(kinds.greet, 7001)
    program.wait_service(7001)
    wait_until(lambda: is_greeted(lab, 7001), "the service is there again")


def is_greeted(lab: TwoHosts, port: int) -> bool:
    try:
        with lab.connect(port) as sock:
            return sock.recv(1) == b"!"
    except ConnectionResetError:
        return False
