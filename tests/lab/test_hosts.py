"""The lab itself: two hosts that reach each other, by ssh too, and links that can be cut."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time

import pytest

from tests.lab import mounts, netns
from tests.lab.hosts import TwoHosts
from tests.lab.netns import Namespace, namespace_pids, next_number, remove_leftovers
from tests.lab.pair import HOST4, HOST6, MOVED4, TARGET4, TARGET6
from tests.lab.shell import LabError, run, wait_until

pytestmark = pytest.mark.lab


def test_both_families_reach_the_target(lab: TwoHosts) -> None:
    for host in (TARGET4, TARGET6):
        with lab.target.listen(host, 7000) as listening, lab.host.connect(host, 7000) as near:
            far, peer = listening.accept()
            with far:
                assert peer[0] in (HOST4, HOST6)
                near.sendall(b"x")
                assert far.recv(1) == b"x"


def test_localhost_of_host_and_target_are_apart(lab: TwoHosts) -> None:
    with lab.target.listen("127.0.0.1", 7000), pytest.raises(ConnectionRefusedError):
        lab.connect(7000)


def test_ssh_logs_in_as_an_unprivileged_user(lab: TwoHosts) -> None:
    assert lab.ssh("id -un").strip() == lab.user.name
    assert lab.ssh("echo $HOME").strip() == lab.user.home


def test_ssh_reaches_the_target_over_ipv6_and_as_root(lab: TwoHosts) -> None:
    process = lab.start("ssh", "target6", "echo $SSH_CONNECTION", stdout=subprocess.PIPE)
    assert process.communicate(timeout=10)[0].decode().split()[0] == HOST6
    process = lab.start("ssh", "root-target", "id -u; echo $HOME", stdout=subprocess.PIPE)
    uid, home = process.communicate(timeout=10)[0].decode().split()
    assert uid == "0"
    assert home.startswith(lab.folder)


def test_ssh_forwards_a_port(lab: TwoHosts) -> None:
    with lab.target.listen("127.0.0.1", 7001) as listening:
        lab.start("ssh", "-N", "-L", "7002:127.0.0.1:7001", "target")
        near = wait_until(lambda: try_connect(lab, 7002), "the forward listens")
        far = listening.accept()[0]
        assert near is not None
        with near, far:
            far.sendall(b"hello")
            assert near.recv(5) == b"hello"


def try_connect(lab: TwoHosts, port: int) -> socket.socket | None:
    try:
        return lab.connect(port)
    except ConnectionRefusedError:
        return None


def test_a_cut_is_silent_and_ends(lab: TwoHosts) -> None:
    lab.pair.cut()
    with pytest.raises(TimeoutError):
        lab.host.connect(TARGET4, 22, 0.3)
    lab.pair.restore()
    lab.host.connect(TARGET4, 22, 3).close()


def test_an_unplugged_link_comes_back(lab: TwoHosts) -> None:
    lab.pair.unplug()
    with pytest.raises(OSError, match="unreachable"):
        lab.host.connect(TARGET4, 22, 0.3)
    lab.pair.plug()
    lab.host.connect(TARGET4, 22, 3).close()
    lab.host.connect(TARGET6, 22, 3).close()


def test_only_udp_is_blocked(lab: TwoHosts) -> None:
    lab.pair.block_udp()
    with lab.target.bind_udp(TARGET4, 7000) as far, lab.host.bind_udp(HOST4, 7001) as near:
        far.settimeout(0.3)
        with contextlib.suppress(PermissionError):  # the sender's own firewall says no
            near.sendto(b"x", (TARGET4, 7000))
        with pytest.raises(TimeoutError):
            far.recv(1)
    lab.host.connect(TARGET4, 22, 3).close()
    lab.pair.unblock_udp()


def test_the_host_moves_to_another_address(lab: TwoHosts) -> None:
    lab.pair.move_host()
    with lab.target.listen(TARGET4, 7000) as listening, lab.host.connect(TARGET4, 7000):
        assert listening.accept()[1][0] == MOVED4


def test_the_rate_is_limited(lab: TwoHosts) -> None:
    lab.pair.limit_rate(40)
    size = 2_000_000  # 0.4 s at 40 Mbit/s
    with lab.target.listen(TARGET4, 7000) as listening, lab.host.connect(TARGET4, 7000) as near:
        far = listening.accept()[0]
        sender = threading.Thread(target=near.sendall, args=(bytes(size),))
        begin = time.monotonic()
        sender.start()
        got = 0
        while got < size:
            got += len(far.recv(1 << 16))
        took = time.monotonic() - begin
        sender.join()
        far.close()
    assert 0.3 < took < 1.5


def test_closing_ends_all_processes_and_users(lab_factory: type[TwoHosts]) -> None:
    lab = lab_factory()
    name, user = lab.target.name, lab.user.name
    sleeper = lab.start("ssh", "-n", "target", "setsid sleep 1000")
    wait_until(lambda: len(namespace_pids(name)) > 2, "the login is there")
    lab.close()
    assert sleeper.poll() is not None
    assert namespace_pids(name) == []
    assert not os.path.exists(lab.folder)
    with pytest.raises(LabError):
        run("id", user)


def test_leftovers_of_the_dead_are_removed_and_the_living_stay() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    dead = f"pl-{child.pid}-1-host"
    run("ip", "netns", "add", dead)
    with subprocess.Popen(["nsenter", f"--net=/run/netns/{dead}", "sleep", "1000"]) as process:
        mine = Namespace("probe", next_number())
        wait_until(lambda: namespace_pids(dead), "the process is inside")
        assert dead in remove_leftovers()
        assert process.wait(5) == -9
        assert os.path.exists(mine.path)
        mine.close()


def test_a_failure_inside_is_raised_outside(lab: TwoHosts) -> None:
    with pytest.raises(OSError, match="assign"):
        lab.target.listen(HOST4, 7000)
    assert netns.why_not() is None


@pytest.mark.parametrize("path", ["/tmp", "/dev/shm"])
def test_scratch_can_be_noexec(lab: TwoHosts, path: str) -> None:
    lab.restart_sshd(mounts.noexec_scratch())
    script = f"cp /bin/true {path}/t && {path}/t; echo $?; cp /bin/true ~/t && ~/t; echo $?"
    assert lab.ssh(f"{{ {script}; }} 2>/dev/null").split() == ["126", "0"]


def test_the_home_can_be_read_only(lab: TwoHosts) -> None:
    lab.restart_sshd(mounts.readonly_home(lab.user.home))
    name = os.path.basename(lab.folder)
    assert lab.ssh(
        f"touch ~/x 2>/dev/null; echo $?; touch /tmp/{name} && rm /tmp/{name}; echo $?"
    ).split() == ["1", "0"]


def test_nothing_can_be_writable(lab: TwoHosts) -> None:
    lab.restart_sshd(mounts.nothing_writable(lab.user.home))
    tries = "; ".join(
        f"touch {path}/x 2>/dev/null; echo $?" for path in ("~", "/tmp", "/var/tmp", "/dev/shm")
    )
    assert lab.ssh(tries).split() == ["1", "1", "1", "1"]


def test_the_disk_can_be_full(lab: TwoHosts) -> None:
    lab.restart_sshd(mounts.full_disk(lab.user.home))
    said = lab.ssh("head -c 100000 /dev/zero > ~/big; echo $?; touch ~/small; echo $?; true 2>&1")
    assert said.split() == ["1", "0"]


def test_the_host_can_be_unprivileged(lab_factory: type[TwoHosts]) -> None:
    lab = lab_factory(host_user=True)
    assert lab.host_user is not None
    assert lab.ssh("id -un").strip() == lab.user.name
    import sys

    code = "import os, psutil; print(os.getuid()); open('mine', 'w'); print(os.environ['HOME'])"
    process = lab.start(sys.executable, "-c", code, stdout=subprocess.PIPE)
    out = process.communicate(timeout=10)[0].decode().split()
    assert out == [str(lab.host_user.uid), lab.host_user.home]
