"""QUIC whose processes are killed: what it costs, and that nothing stays behind."""

from __future__ import annotations

import os
import signal
import socket
import time

import pytest

from tests.lab.hosts import TwoHosts
from tests.lab.netns import is_zombie
from tests.lab.probe import exchange, kill, read_digest, ssh_pids, the_agent
from tests.lab.program import PortLinker
from tests.lab.quic import host_sidecars, start_quic, target_sidecars, wait_carried, wait_quic
from tests.lab.services import Services
from tests.lab.shell import wait_until

pytestmark = pytest.mark.lab
SIZE = 100_000_000


@pytest.mark.parametrize("side", ["host", "target"])
def test_a_killed_sidecar_costs_its_own_flows_only(
    lab: TwoHosts, program: PortLinker, side: str
) -> None:
    sidecars = host_sidecars if side == "host" else target_sidecars
    mark = program.mark()
    kill(sidecars(lab))
    wait_quic(program, "down", mark)
    # What a dying sidecar took in its last milliseconds is lost with it.
    sock = wait_until(lambda: try_echo(lab), "new connections work", timeout_s=1)
    assert sock is not None
    with sock:
        wait_quic(program, "up", mark)
        wait_carried(lab, 7001, times=2)
        assert exchange(sock, b"still") == b"still"
    with lab.connect(7001) as sock:
        assert exchange(sock, b"over quic again") == b"over quic again"


def test_a_transfer_that_a_killed_sidecar_cuts_short_does_not_look_complete(
    lab: TwoHosts, program: PortLinker
) -> None:
    with lab.connect(7002, timeout_s=20) as sock:
        sock.sendall(f"{SIZE}\n".encode())
        assert sock.recv(1)
        kill(host_sidecars(lab))
        with pytest.raises(ConnectionResetError):
            read_digest(sock)


def try_echo(lab: TwoHosts) -> socket.socket | None:
    """Return a connection that answers, None if it was reset."""
    sock = lab.connect(7001)
    try:
        assert exchange(sock, b"over stdio") == b"over stdio"
    except ConnectionResetError:
        sock.close()
        return None
    return sock


def test_a_killed_agent_brings_a_new_sidecar(lab: TwoHosts, program: PortLinker) -> None:
    old = target_sidecars(lab)
    mark = program.mark()
    kill([the_agent(lab)])
    wait_quic(program, "down", mark)
    wait_quic(program, "up", mark)
    assert set(target_sidecars(lab)).isdisjoint(old)
    wait_carried(lab, 7001, times=2)
    with lab.connect(7001) as sock:
        assert exchange(sock, b"x") == b"x"


def test_nothing_is_left_when_it_ends(lab: TwoHosts, program: PortLinker) -> None:
    assert host_sidecars(lab)
    assert target_sidecars(lab)
    program.stop(signal.SIGINT)
    assert host_sidecars(lab) == target_sidecars(lab) == []
    assert ssh_pids(lab) == []


def test_a_killed_program_leaves_no_sidecar_here(lab: TwoHosts, program: PortLinker) -> None:
    (sidecar,) = host_sidecars(lab)
    program.process.kill()
    program.process.wait(5)
    wait_until(lambda: is_zombie(sidecar), "the sidecar has ended", timeout_s=5)


def test_the_executable_goes_to_the_target_once(
    lab: TwoHosts, services: Services, program: PortLinker
) -> None:
    program.stop()
    begin = time.monotonic()
    again = start_quic(lab)
    took_s = time.monotonic() - begin
    again.stop()
    assert took_s < 5
    names = [name for name in os.listdir(f"{lab.user.home}/.cache/port-linker") if "tunnel" in name]
    assert len(names) == 1
