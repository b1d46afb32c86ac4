"""What is bound here and what is not: rules, conflicts, privileges, the guard and the cap."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import time

import pytest

from tests.lab import services as kinds
from tests.lab.fixtures import LabFactory, Start
from tests.lab.hosts import TwoHosts
from tests.lab.probe import exchange, is_refused
from tests.lab.program import PortLinker
from tests.lab.quic import wait_carried
from tests.lab.services import Services
from tests.lab.shell import wait_until

pytestmark = pytest.mark.lab
HOLD = (
    "import socket, time; s = socket.create_server(('{host}', {port}), family={family},"
    " dualstack_ipv6={dual}); print('held', flush=True); time.sleep(600)"
)
HOLD_BOTH = {"host": "::", "family": 10, "dual": True}
HOLD_FOUR = {"host": "127.0.0.1", "family": 2, "dual": False}


def hold(lab: TwoHosts, port: int, how: dict[str, object] = HOLD_BOTH) -> subprocess.Popen[bytes]:
    """Start a process of the host that holds a port, by default in both families."""
    words = [sys.executable, "-S", "-c", HOLD.format(port=port, **how)]
    process = lab.start(*words, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_taken_port_is_a_conflict_that_names_its_holder(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    services.tcp(kinds.greet, 7001)
    holder = hold(lab, 7001)
    program = start(lab, "target")
    conflict = program.wait_event("conflict", port=7001)
    assert conflict["holder"]["pid"] == holder.pid
    assert "python" in conflict["holder"]["command"]
    assert str(holder.pid) in program.wait_service(7001, "conflict")["reason"]
    assert holder.poll() is None


def test_where_one_family_is_taken_nothing_is_bound_beside_it(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    services.tcp(kinds.greet, 7001)
    holder = hold(lab, 7001, HOLD_FOUR)
    program = start(lab, "target")
    conflict = program.wait_event("conflict", port=7001)
    assert conflict["holder"]["pid"] == holder.pid
    event = program.wait_service(7001, "conflict")
    assert event["local"] == []
    assert "127.0.0.1:7001 is held here" in event["reason"]
    assert is_refused(lab, 7001, socket.AF_INET6)
    assert holder.poll() is None
    holder.kill()
    assert program.wait_service(7001)["local"] == ["127.0.0.1:7001", "[::1]:7001"]


def test_a_freed_port_is_taken_within_a_second(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    services.tcp(kinds.greet, 7001)
    holder = hold(lab, 7001)
    program = start(lab, "target")
    program.wait_event("conflict", port=7001)
    holder.kill()
    holder.wait()
    begin = time.monotonic()

    def ask(events: list[dict[str, object]]) -> bool:
        return any("127.0.0.1:7001" in (e.get("local") or ()) for e in events)  # type: ignore[operator]

    program.wait(ask, "127.0.0.1:7001 bound")
    assert time.monotonic() - begin <= 1.2


def test_kill_acts_on_a_named_port(lab: TwoHosts, services: Services, start: Start) -> None:
    services.tcp(kinds.greet, 7001)
    holder = hold(lab, 7001)
    program = start(lab, "target", "--on-conflict", "kill", "--only", "7001")
    program.wait_service(7001)
    assert holder.wait(5) == -15
    with lab.connect(7001) as sock:
        assert sock.recv(1) == b"!"


def test_kill_spares_a_port_that_was_not_named(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    services.tcp(kinds.greet, 7001)
    services.tcp(kinds.greet, 7002)
    holder = hold(lab, 7001)
    program = start(lab, "target", "--on-conflict", "kill")
    program.wait_service(7002)
    program.wait_event("conflict", port=7001)
    assert holder.poll() is None


def test_remap_takes_another_port_and_says_so(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    services.tcp(kinds.greet, 7001)
    hold(lab, 7001)
    program = start(lab, "target", "--on-conflict", "remap")
    event = program.wait_service(7001)
    assert "127.0.0.1:15001" in event["local"]
    assert event["reason"]
    with lab.connect(15001) as sock:
        assert sock.recv(1) == b"!"


def test_only_skip_and_map(lab: TwoHosts, services: Services, start: Start) -> None:
    for port in (7001, 7002, 7003):
        services.tcp(kinds.greet, port)
    words = ["--only", "7001-7002", "--skip", "7002", "--map", "7001:7101"]
    program = start(lab, "target", *words)
    assert program.wait_service(7001)["local"] == ["127.0.0.1:7101", "[::1]:7101"]
    for port in (7002, 7003):
        assert program.wait_service(port, "skipped")["reason"]
        assert is_refused(lab, port)
    with lab.connect(7101) as sock:
        assert sock.recv(1) == b"!"


def test_ssh_and_mdns_are_muted(lab: TwoHosts, services: Services, start: Start) -> None:
    services.udp(5353, "0.0.0.0")
    program = start(lab, "target")
    assert program.wait_service(22, "skipped")["reason"]
    assert program.wait_service(5353, "skipped", proto="udp")["reason"]
    assert is_refused(lab, 22)


def test_the_ephemeral_guard_refuses_and_allow_lets_through(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    services.tcp(kinds.greet, 40_001)
    services.tcp(kinds.greet, 40_002)
    program = start(lab, "target", "--allow", "40002")
    assert "ephemeral" in program.wait_service(40_001, "skipped")["reason"]
    assert is_refused(lab, 40_001)
    program.wait_service(40_002)


def test_other_peoples_services_are_skipped_unless_asked_for(lab: TwoHosts, start: Start) -> None:
    other = lab.add_user("other")
    words = ["/usr/bin/python3", "-c", HOLD.format(port=7001, **HOLD_FOUR)]
    process = lab.target.start(*other.command(*words), stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    program = start(lab, "target")
    event = program.wait_service(7001, "skipped")
    assert (event["user"], bool(event["reason"])) == (other.name, True)
    program.stop()
    start(lab, "target", "--all-users").wait_service(7001)


def test_a_service_of_the_login_user_has_its_process(lab: TwoHosts, start: Start) -> None:
    words = ["/usr/bin/python3", "-c", HOLD.format(port=7001, **HOLD_FOUR)]
    process = lab.target.start(*lab.user.command(*words), stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    event = start(lab, "target").wait_service(7001)
    assert (event["pid"], event["user"]) == (process.pid, lab.user.name)
    assert event["process"].startswith("python3")


def test_a_hostile_name_cannot_reach_the_terminal(lab: TwoHosts, start: Start) -> None:
    evil = "\x1b]0;owned\x07\n\u202etxt"
    script = lab.user.write("listen.py", HOLD.format(port=7001, **HOLD_FOUR))
    words = ["bash", "-c", f'exec -a "$1" /usr/bin/python3 {script}', "bash", evil]
    process = lab.target.start(*lab.user.command(*words), stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    event = start(lab, "target").wait_service(7001)
    for char in "\x1b\x07\n\u202e":
        assert char not in (event["command"] or "") + (event["process"] or "")


def test_a_low_port_is_remapped_without_privilege(lab_factory: LabFactory, start: Start) -> None:
    lab = lab_factory(host_user=True)
    with Services(lab.target) as services:
        services.tcp(kinds.greet, 80)
        program = start(lab, "target")
        event = program.wait_service(80)
        assert event["local"] == ["127.0.0.1:8080", "[::1]:8080"]
        assert event["reason"]
        with lab.connect(8080) as sock:
            assert sock.recv(1) == b"!"
        program.stop()


def test_another_users_process_is_never_killed(lab_factory: LabFactory, start: Start) -> None:
    lab = lab_factory(host_user=True)
    with Services(lab.target) as services:
        services.tcp(kinds.greet, 7001)
        held = lab.host.listen("::", 7001)  # root's, and held by the tests themselves
        program = start(lab, "target", "--on-conflict", "kill", "--only", "7001")
        program.wait_event("conflict", port=7001)
        assert held.getsockname()[1] == 7001
        program.stop()
        held.close()


ASK_BOTH = """
import socket
for kind, port in ((socket.SOCK_STREAM, 7001), (socket.SOCK_DGRAM, 7002)):
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.settimeout(5)
        sock.connect(("127.0.0.1", port))
        sock.send(b"mine")
        print(sock.recv(4).decode())
"""


def test_hold_keeps_the_port_of_a_service_that_went(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    served = services.tcp(kinds.greet, 7001)
    program = start(lab, "target", "--hold")
    program.wait_service(7001)
    served.close()
    program.wait_service(7001, "gone")
    with lab.connect(7001) as sock, pytest.raises(ConnectionResetError):
        assert sock.recv(1)
    services.tcp(kinds.greet, 7001)
    program.wait_service(7001, "ready")
    wait_until(lambda: _is_greeted(lab), "the service is there again")


def _is_greeted(lab: TwoHosts) -> bool:
    try:
        with lab.connect(7001) as sock:
            return sock.recv(1) == b"!"
    except ConnectionResetError:
        return False


@pytest.mark.parametrize("link", ["stdio", "quic"])
def test_own_user_only_refuses_other_users(
    lab_factory: LabFactory, start: Start, link: str
) -> None:
    lab = lab_factory(host_user=True)
    with Services(lab.target) as services:
        services.tcp(kinds.echo, 7001)
        services.udp(7002)
        program = start(lab, "target", "--own-user-only", "--link", link)
        program.wait_service(7001)
        program.wait_service(7002, proto="udp")
        for port in (7001, 7002) if link == "quic" else ():
            wait_carried(lab, port)
        with pytest.raises(ConnectionResetError), lab.connect(7001) as sock:
            exchange(sock, b"root is somebody else")
        with lab.host.socket(kind=socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", 7002))
            sock.send(b"root is somebody else")
            process = lab.start(sys.executable, "-c", ASK_BOTH, stdout=subprocess.PIPE)
            assert process.communicate(timeout=20)[0] == b"mine\nmine\n"
            sock.setblocking(False)
            with pytest.raises(BlockingIOError):  # the one behind it was answered
                sock.recv(100)
        program.stop()


def listen_many(lab: TwoHosts, ports: range) -> dict[int, socket.socket]:
    """Open many listening sockets on the target at once."""

    def make() -> dict[int, socket.socket]:
        made = {}
        for port in ports:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", port))
            sock.listen(8)
            made[port] = sock
        return made

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return lab.target.call(make)


def count(program: PortLinker, state: str) -> int:
    """Return how many services of the 5,000 are in a state."""
    return sum(
        event["state"] == state and 10_000 <= event["port"] < 15_000
        for event in program.services().values()
    )


@pytest.mark.slow
def test_the_safety_cap_binds_2000_of_5000(lab: TwoHosts, start: Start) -> None:
    program = start(lab, "target")
    begin = time.monotonic()
    sockets = listen_many(lab, range(10_000, 15_000))
    wait_until(lambda: count(program, "ready") == 2000, "2,000 are ready", timeout_s=15)
    wait_until(lambda: count(program, "waiting") == 3000, "3,000 wait", timeout_s=5)
    assert time.monotonic() - begin <= 10
    waiting = [e for e in program.services().values() if e["state"] == "waiting"]
    assert all(event["reason"] for event in waiting)
    bound = lab.host.run("ss", "-Hltn", "src", "127.0.0.1").count("\n")
    assert bound == 2000
    ready = [e["port"] for e in program.services().values() if e["state"] == "ready"]
    for port in ready[:100]:
        sockets.pop(port).close()
    wait_until(lambda: count(program, "gone") == 100, "100 are gone", timeout_s=10)
    wait_until(lambda: count(program, "ready") == 2000, "others took their room", timeout_s=10)
    for sock in sockets.values():
        sock.close()
    wait_until(lambda: count(program, "gone") > 1000, "many are gone", timeout_s=10)
    begin = time.monotonic()
    assert program.stop() == 130  # Ctrl-C is heard however much changes
    assert time.monotonic() - begin <= 6  # about 0.5 s where nothing else runs
