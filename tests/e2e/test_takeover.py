"""The end of the host: a lease cleans up behind it, the next session takes its agent over."""

from __future__ import annotations

import signal

import pytest

from tests.lab import services as kinds
from tests.lab.fixtures import Start
from tests.lab.hosts import TwoHosts
from tests.lab.probe import agent_pids, exchange, target_pids, the_agent
from tests.lab.services import Services
from tests.lab.shell import wait_until

pytestmark = pytest.mark.lab


def test_a_new_session_takes_the_old_agent_over(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    services.tcp(kinds.echo, 7001)
    first = start(lab, "target")
    first.wait_service(7001)
    agent = the_agent(lab)
    assert first.stop(signal.SIGKILL) == -9
    second = start(lab, "target")
    second.wait_service(7001)
    assert agent_pids(lab) == [agent]
    with lab.connect(7001) as sock:
        assert exchange(sock, b"again") == b"again"


def test_flows_of_the_dead_host_are_reset(lab: TwoHosts, services: Services, start: Start) -> None:
    ends: list[str] = []

    async def waits(reader: kinds.Reader, writer: kinds.Writer) -> None:
        writer.write(b"!")
        try:
            await reader.read()
            ends.append("end")
        except ConnectionResetError:
            ends.append("reset")

    services.tcp(waits, 7001)
    first = start(lab, "target")
    first.wait_service(7001)
    with lab.connect(7001) as sock:
        assert sock.recv(1) == b"!"
        first.stop(signal.SIGKILL)
        with pytest.raises(ConnectionResetError):  # what was cut short never looks complete
            sock.recv(1)
    start(lab, "target")
    wait_until(lambda: ends, "the target's end of the flow is closed")
    assert ends == ["reset"]


def test_a_second_session_says_who_runs(lab: TwoHosts, services: Services, start: Start) -> None:
    services.tcp(kinds.echo, 7001)
    first = start(lab, "target")
    first.wait_service(7001)
    second = start(lab, "target", up=False)
    assert str(first.process.pid) in second.wait_error("PL-")
    assert second.process.returncode not in (0, 1)
    with lab.connect(7001) as sock:
        assert exchange(sock, b"still") == b"still"


@pytest.mark.slow
def test_past_the_lease_nothing_is_left_on_the_target(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    services.tcp(kinds.echo, 7001)
    program = start(lab, "target", "--lease", "10")
    program.wait_service(7001)
    program.stop(signal.SIGKILL)
    wait_until(lambda: not target_pids(lab), "the target is clean", timeout_s=20, every_s=0.2)


def test_sigterm_is_a_clean_end_too(lab: TwoHosts, services: Services, start: Start) -> None:
    services.tcp(kinds.echo, 7001)
    program = start(lab, "target")
    program.wait_service(7001)
    assert program.stop(signal.SIGTERM) != -15
    wait_until(lambda: not target_pids(lab), "the target is clean", timeout_s=5)
