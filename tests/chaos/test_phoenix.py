"""Phoenix: the agent is killed and comes back by itself, without a login, without a closed port."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

import pytest

from tests.lab import services as kinds
from tests.lab.fixtures import Start
from tests.lab.hosts import TwoHosts
from tests.lab.probe import agent_pids, exchange, kill, ssh_pids, target_pids, the_agent
from tests.lab.services import Services
from tests.lab.shell import wait_until

pytestmark = pytest.mark.lab


class Watch:
    """Connects again and again, and keeps what was refused."""

    def __init__(self, lab: TwoHosts, port: int) -> None:
        self.lab, self.port = lab, port
        self.refused: list[float] = []
        self.answered: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self.lab.connect(self.port, timeout_s=3) as sock:
                    if exchange(sock, b"x") == b"x":
                        self.answered.append(time.monotonic())
            except ConnectionRefusedError:
                self.refused.append(time.monotonic())
            except OSError:
                continue

    def wait_answer(self, since: float, timeout_s: float) -> float:
        """Return the seconds from `since` to the first answer after it."""
        end = since + timeout_s
        while time.monotonic() < end:
            later = [at for at in list(self.answered) if at > since + 0.05]
            if later:
                return later[0] - since
            self._stop.wait(0.01)
        raise AssertionError(f"no answer within {timeout_s:g} s")

    def close(self) -> None:
        """Stop."""
        self._stop.set()
        self._thread.join(5)


def test_a_killed_agent_is_back_within_two_seconds(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    services.tcp(kinds.echo, 7001)
    program = start(lab, "target")
    program.wait_service(7001)
    logins, sshs = lab.sshd.log().count("Accepted"), ssh_pids(lab)
    watch = Watch(lab, 7001)
    try:
        for _ in range(3):
            old = the_agent(lab)
            with lab.connect(7001) as sock:
                assert exchange(sock, b"x") == b"x"
                begin = time.monotonic()
                os.kill(old, signal.SIGKILL)
                with pytest.raises(ConnectionResetError):
                    sock.recv(1)
            assert watch.wait_answer(begin, 5) <= 2.0
            assert the_agent(lab) != old
    finally:
        watch.close()
    assert watch.refused == [], "a local port was closed"
    assert (lab.sshd.log().count("Accepted"), ssh_pids(lab)) == (logins, sshs), "a new login"


def test_a_service_that_came_while_no_agent_lived_is_found(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    served = services.tcp(kinds.echo, 7001)
    program = start(lab, "target")
    program.wait_service(7001)
    kill([the_agent(lab)])
    served.close()
    services.tcp(kinds.greet, 7002)
    program.wait_service(7002, timeout_s=5)
    program.wait_service(7001, "gone", timeout_s=5)


def test_an_agent_that_dies_at_every_start_is_tried_more_and_more_rarely(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    services.tcp(kinds.echo, 7001)
    program = start(lab, "target")
    program.wait_service(7001)
    mark = program.mark()

    def kill_agents() -> bool:
        for pid in agent_pids(lab):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return any((e.get("retry_in_s") or 0) >= 2 for e in program.events[mark:])

    wait_until(kill_agents, "a wait of two seconds", timeout_s=15, every_s=0.02)
    outages = [e for e in program.events[mark:] if e.get("state") == "outage"]
    assert all(event["reason"] for event in outages)
    program.wait_session("up", program.mark(), timeout_s=10)
    with lab.connect(7001) as sock:
        assert exchange(sock, b"better") == b"better"
    assert program.stderr.count("\n") <= 3, program.stderr


def test_an_agent_that_hangs_is_replaced(lab: TwoHosts, services: Services, start: Start) -> None:
    services.tcp(kinds.echo, 7001)
    program = start(lab, "target")
    program.wait_service(7001)
    old = the_agent(lab)
    mark = program.mark()
    os.kill(old, signal.SIGSTOP)
    program.wait_session("outage", mark, timeout_s=10)
    program.wait_session("up", mark, timeout_s=25)
    with lab.connect(7001) as sock:
        assert exchange(sock, b"new") == b"new"


def test_a_killed_attacher_costs_no_flow(lab: TwoHosts, services: Services, start: Start) -> None:
    services.tcp(kinds.echo, 7001)
    program = start(lab, "target")
    program.wait_service(7001)
    agents = agent_pids(lab)
    with lab.connect(7001) as sock:
        assert exchange(sock, b"before") == b"before"
        others = [pid for pid in target_pids(lab) if pid not in agents]
        kill(others)
        assert exchange(sock, b"after") == b"after"
    assert agent_pids(lab) == agents
