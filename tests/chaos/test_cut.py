"""Cut: the network goes in mid-transfer, or ssh is killed; every flow goes on, no byte is lost."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time

import pytest

from tests.lab import services as kinds
from tests.lab.fixtures import Start
from tests.lab.hosts import TwoHosts
from tests.lab.payload import digest
from tests.lab.probe import exchange, kill, read_all, read_digest, send_blocks, ssh_pids
from tests.lab.program import PortLinker
from tests.lab.services import Services
from tests.lab.shell import wait_until

pytestmark = pytest.mark.lab
CUT_S = float(os.environ.get("PORT_LINKER_CUT_S", "10"))  # `make bench` cuts for 60 s
SIZE = 100_000_000


class Transfers:
    """One transfer up and one down, at a rate that leaves time for an accident."""

    def __init__(self, lab: TwoHosts, program: PortLinker) -> None:
        self.up = lab.connect(7001, timeout_s=CUT_S + 60)
        self.down = lab.connect(7002, timeout_s=CUT_S + 60)
        self.got = (0, "")
        self.seen = 0
        self.sender = send_blocks(self.up, SIZE)
        self.down.sendall(f"{SIZE}\n".encode())
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        self.got = read_digest(self.down)

    def check(self) -> None:
        """Wait for both and compare."""
        self.sender.join(CUT_S + 60)
        assert read_all(self.up).decode() == digest(SIZE)
        self.reader.join(CUT_S + 60)
        assert self.got == (SIZE, digest(SIZE))
        self.up.close()
        self.down.close()


@pytest.fixture
def program(lab: TwoHosts, services: Services, start: Start) -> PortLinker:
    """A session over a link of 400 Mbit/s, with a sink and a source to talk to."""
    lab.pair.limit_rate(400)
    services.tcp(kinds.sink, 7001)
    services.tcp(kinds.source, 7002)
    services.tcp(kinds.echo, 7003)
    begun: PortLinker = start(lab, "target")
    for port in (7001, 7002, 7003):
        begun.wait_service(port)
    return begun


def is_moving(lab: TwoHosts) -> bool:
    """Whether the transfer is well under way (bytes on the wire)."""
    stats = lab.host.run("cat", "/proc/net/dev")
    (line,) = (line for line in stats.splitlines() if "link0" in line)
    return int(line.split()[1]) > 5_000_000


@pytest.mark.slow
@pytest.mark.timeout(CUT_S + 120)
def test_the_network_is_gone_for_a_while(lab: TwoHosts, program: PortLinker) -> None:
    transfers = Transfers(lab, program)
    wait_until(lambda: is_moving(lab), "the transfer runs")
    mark = program.mark()
    lab.pair.cut()
    begin = time.monotonic()
    program.wait_session("outage", mark, timeout_s=9)
    with lab.connect(7003) as waiting:  # the port is open; the connection waits, then is reset
        waiting.settimeout(15)
        waiting.sendall(b"x")
        remaining = begin + CUT_S - time.monotonic()
        if remaining > 11:
            with pytest.raises(ConnectionResetError):
                waiting.recv(1)
        threading.Event().wait(max(0.0, begin + CUT_S - time.monotonic()))
        lab.pair.restore()
        program.wait_session("reattached", mark, timeout_s=20)
    transfers.check()
    states = [e["state"] for e in program.events[mark:] if e["event"] == "session"]
    assert states[0] == "outage"
    assert states[-2:] == ["reattached", "up"]


def test_ssh_is_killed(lab: TwoHosts, program: PortLinker) -> None:
    transfers = Transfers(lab, program)
    wait_until(lambda: is_moving(lab), "the transfer runs")
    for _ in range(3):
        mark = program.mark()
        kill(ssh_pids(lab))
        begin = time.monotonic()
        program.wait_session("up", mark)
        assert time.monotonic() - begin < 2.5
    transfers.check()


def test_the_login_on_the_target_is_killed(lab: TwoHosts, program: PortLinker) -> None:
    transfers = Transfers(lab, program)
    wait_until(lambda: is_moving(lab), "the transfer runs")
    mark = program.mark()
    kill(lab.sshd.session_pids())
    program.wait_session("up", mark)
    transfers.check()


def test_services_that_came_during_the_outage_are_found(
    lab: TwoHosts, program: PortLinker, services: Services
) -> None:
    mark = program.mark()
    lab.pair.unplug()
    kill(ssh_pids(lab))
    program.wait_session("outage", mark)
    services.tcp(kinds.greet, 7010)
    lab.pair.plug()
    program.wait_service(7010, timeout_s=20)


def test_a_new_connection_in_an_outage_waits_for_its_end(
    lab: TwoHosts, program: PortLinker
) -> None:
    mark = program.mark()
    lab.pair.unplug()
    kill(ssh_pids(lab))
    program.wait_session("outage", mark)
    with lab.connect(7003, socket.AF_INET6, timeout_s=12) as sock:
        lab.pair.plug()
        assert exchange(sock, b"patience") == b"patience"


@pytest.mark.slow
def test_a_suspended_host_reconnects_at_once(lab: TwoHosts, program: PortLinker) -> None:
    """SIGSTOP is the sleep; the ssh connection dies in it, and a backoff would be long by then."""
    with lab.connect(7003) as sock:
        assert exchange(sock, b"before") == b"before"
        old = ssh_pids(lab)
        lab.pair.cut()
        program.wait_session("outage", timeout_s=10)
        wait_until(lambda: len(attempts(program)) >= 3, "a few attempts failed", timeout_s=15)
        program.process.send_signal(signal.SIGSTOP)
        threading.Event().wait(6)
        lab.pair.restore()
        kill(ssh_pids(lab))
        begin = time.monotonic()
        program.process.send_signal(signal.SIGCONT)
        wait_until(lambda: set(ssh_pids(lab)) - set(old), "an attempt", timeout_s=5)
        assert time.monotonic() - begin <= 1.0
        program.wait_session("reattached", timeout_s=10)
        assert exchange(sock, b"after") == b"after"


def attempts(program: PortLinker) -> list[dict[str, object]]:
    """Return the events by which an outage told of its next attempt."""
    return [e for e in list(program.events) if e.get("state") == "outage"]
