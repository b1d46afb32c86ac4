"""Whose service it is, on a target that many share: own and system first, no other by mistake."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.lab import services as kinds
from tests.lab.fixtures import Start
from tests.lab.groups import control_group
from tests.lab.hosts import TwoHosts
from tests.lab.probe import exchange, the_agent
from tests.lab.program import Event
from tests.lab.quic import start_quic, wait_carried
from tests.lab.services import Services

pytestmark = pytest.mark.lab
SOMEBODY = 4242
CROWD = """
import os, resource, socket, time
resource.setrlimit(resource.RLIMIT_NOFILE, (9000, 9000))
os.setuid({uid})
kept = [socket.create_server(("127.0.0.1", port)) for port in range(10_000, 10_000 + {count})]
print("listening", flush=True)
time.sleep(600)
"""


UNIT = """
import socket, time
open({procs!r}, "w").write("0")
server = socket.create_server(("127.0.0.1", 7001))
print("listening", flush=True)
time.sleep(600)
"""


def test_a_service_that_only_root_may_look_at_is_named_by_its_unit(
    lab: TwoHosts, start: Start
) -> None:
    with control_group("shop.service") as folder:
        script = UNIT.format(procs=str(folder / "cgroup.procs"))
        shop = lab.target.start(sys.executable, "-S", "-c", script, stdout=subprocess.PIPE)
        try:
            assert shop.stdout is not None
            assert shop.stdout.readline() == b"listening\n"
            event = start(lab, "target").wait_service(7001)
            assert (event["process"], event["unit"], event["user"]) == (
                None,
                "shop.service",
                "root",
            )
        finally:
            shop.kill()
            shop.wait()


@pytest.mark.slow
def test_mine_are_reached_among_8000_listeners_of_another_user(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    """The kernel lists TCP before UDP and IPv4 before IPv6: mine come after the 8,000."""
    script = CROWD.format(uid=SOMEBODY, count=8000)
    crowd = lab.target.start(sys.executable, "-S", "-c", script, stdout=subprocess.PIPE)
    assert crowd.stdout is not None
    assert crowd.stdout.readline() == b"listening\n"
    services.tcp(kinds.echo, 7001, host="::1")
    services.udp(7002)
    program = start(lab, "target", "--link", "quic")
    program.wait_service(7001, timeout_s=30)
    program.wait_service(7002, proto="udp", timeout_s=30)
    wait_carried(lab, 7002, timeout_s=30)
    with lab.connect(7001) as sock:
        assert exchange(sock, b"mine") == b"mine"
    with lab.host.socket(kind=socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect(("127.0.0.1", 7002))
        client.send(b"mine too")
        assert client.recv(100) == b"mine too"


def give(sock: socket.socket, uid: int) -> socket.socket:
    """Return the socket, which is another user's now."""
    os.fchown(sock.fileno(), uid, -1)
    return sock


def has_told(events: list[Event]) -> bool:
    """Whether the target's sidecar has said what it did not dial."""
    return any("7001 was not dialled" in str(event.get("message")) for event in events)


def test_another_user_who_takes_the_port_between_two_scans_is_not_dialled(
    lab: TwoHosts, services: Services
) -> None:
    uid = lab.user.uid
    mine = services.serve(give(lab.target.listen("127.0.0.1", 7001), uid))
    udp = give(lab.target.bind_udp("127.0.0.1", 7002), uid)
    program = start_quic(lab)
    program.wait_service(7001)
    program.wait_service(7002, proto="udp")
    wait_carried(lab, 7001)
    wait_carried(lab, 7002)
    with lab.connect(7001) as sock:
        assert exchange(sock, b"mine") == b"mine"
    agent = the_agent(lab)
    os.kill(agent, signal.SIGSTOP)  # the next scan takes its time
    try:
        mine.close()
        udp.close()
        with (
            give(lab.target.listen("127.0.0.1", 7001), SOMEBODY) as theirs,
            give(lab.target.bind_udp("127.0.0.1", 7002), SOMEBODY) as their_udp,
            lab.host.socket(kind=socket.SOCK_DGRAM) as client,
        ):
            theirs.setblocking(False)
            their_udp.setblocking(False)
            client.sendto(b"a password", ("127.0.0.1", 7002))
            with lab.connect(7001) as sock:
                sock.sendall(b"a password")
                with pytest.raises(ConnectionResetError):
                    sock.recv(1)
            with pytest.raises(BlockingIOError):
                theirs.accept()
            with pytest.raises(BlockingIOError):
                their_udp.recv(1)
            os.kill(agent, signal.SIGCONT)
            program.wait(has_told, "the log says so", timeout_s=20)
    finally:
        os.kill(agent, signal.SIGCONT)
    program.stop()


@pytest.mark.parametrize("link", ["stdio", "quic"])
def test_another_user_who_takes_over_a_udp_port_here_is_not_carried(
    lab: TwoHosts, start: Start, link: str
) -> None:
    with lab.target.bind_udp("127.0.0.1", 7002) as service:
        service.settimeout(10)
        program = start(lab, "target", "--own-user-only", "--link", link)
        program.wait_service(7002, proto="udp")
        if link == "quic":
            wait_carried(lab, 7002)
        with lab.host.socket(kind=socket.SOCK_DGRAM) as mine:
            mine.settimeout(10)
            mine.bind(("127.0.0.1", 9002))
            mine.sendto(b"mine", ("127.0.0.1", 7002))
            data, client = service.recvfrom(100)
            assert data == b"mine"
            service.sendto(b"for me", client)
            assert mine.recv(100) == b"for me"
        with lab.host.socket(kind=socket.SOCK_DGRAM) as theirs:
            theirs.bind(("127.0.0.1", 9002))
            give(theirs, SOMEBODY)
            theirs.setblocking(False)
            theirs.sendto(b"not mine", ("127.0.0.1", 7002))
            service.sendto(b"for me, late", client)
            with lab.host.socket(kind=socket.SOCK_DGRAM) as last:
                last.settimeout(10)
                last.sendto(b"the last", ("127.0.0.1", 7002))
                data, client = service.recvfrom(100)
                assert data == b"the last", "what came before was lost"
                service.sendto(b"answer", client)
                assert last.recv(100) == b"answer"
            with pytest.raises(BlockingIOError):
                theirs.recv(100)
