"""Targets in containers: the scenarios in Debian 11 (Python 3.9) and 12, by ssh, docker: and exec:.

All of it together takes at most 20 s on an idle machine once the images exist, so one container
serves all tests of an image.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.lab import services as kinds
from tests.lab.fixtures import Start
from tests.lab.hosts import TwoHosts
from tests.lab.payload import digest
from tests.lab.probe import exchange, first_byte_s, is_refused, read_all, read_digest, send_blocks
from tests.lab.services import Services
from tests.lab.shell import wait_until

pytestmark = pytest.mark.container
Image = Callable[[str], str]
LISTEN = (
    "import socket; s = socket.create_server(('127.0.0.1', {port}))\n"
    "while True: c, _ = s.accept(); c.sendall(b'inside'); c.close()"
)


@pytest.fixture(scope="module", params=["debian11", "debian12"])
def inside(request: pytest.FixtureRequest, image: Image, _lab_is_tidy: None) -> Iterator[TwoHosts]:
    """A host, and a container as its target."""
    made = TwoHosts(image=image(request.param))
    yield made
    made.close()


@pytest.fixture
def served(inside: TwoHosts) -> Iterator[Services]:
    """Services in the container."""
    with Services(inside.target) as made:
        yield made


def target_of(lab: TwoHosts, way: str) -> str:
    """Return what to type for a container: through ssh, docker, or a command."""
    assert lab.container is not None
    name = lab.container.name
    words = {"ssh": "target", "docker": f"docker:{name}", "exec": f"exec:docker exec -i {name} sh"}
    return words[way]


def run_inside(lab: TwoHosts, code: str) -> None:
    """Start a Python program in the container."""
    assert lab.container is not None
    lab.container.run("sh", "-c", 'python3 -c "$0" >/dev/null 2>&1 &', code)


@pytest.mark.parametrize("way", ["ssh", "docker", "exec"])
def test_late_bind_tcp_and_udp(inside: TwoHosts, served: Services, start: Start, way: str) -> None:
    program = start(inside, target_of(inside, way))
    begin = time.monotonic()
    late = served.tcp(kinds.greet, 7001)
    assert first_byte_s(inside, 7001, begin) <= 1.0
    served.udp(7002)
    program.wait_service(7002, proto="udp")
    with inside.host.bind_udp("127.0.0.1", 0) as sock:
        sock.settimeout(5)
        for size in (0, 1, 1200, 9000, 65_507):
            sock.sendto(bytes(size), ("127.0.0.1", 7002))
            assert len(sock.recv(1 << 16)) == size
    if way == "ssh":  # once is enough: it takes a second of grace
        late.close()
        wait_until(lambda: is_refused(inside, 7001), "7001 is refused", timeout_s=3)
    program.stop()


def test_data_integrity(inside: TwoHosts, served: Services, start: Start) -> None:
    served.tcp(kinds.sink, 7001)
    served.tcp(kinds.source, 7002)
    program = start(inside, "target")
    program.wait_service(7001)
    program.wait_service(7002)
    size = 20_000_000
    with inside.connect(7001, timeout_s=30) as up, inside.connect(7002, timeout_s=30) as down:
        sender = send_blocks(up, size)
        down.sendall(f"{size}\n".encode())
        assert read_digest(down) == (size, digest(size))
        sender.join(30)
        assert read_all(up).decode() == digest(size)
    program.stop()


def test_the_process_is_named_and_the_guard_holds(inside: TwoHosts, start: Start) -> None:
    run_inside(inside, LISTEN.format(port=7003))
    run_inside(inside, LISTEN.format(port=40_003))
    program = start(inside, target_of(inside, "docker"))
    assert program.wait_service(7003)["process"] == "python3"
    with inside.connect(7003) as sock:
        assert read_all(sock) == b"inside"
    assert "ephemeral" in program.wait_service(40_003, "skipped")["reason"]
    program.stop()


def test_phoenix(inside: TwoHosts, served: Services, start: Start) -> None:
    assert inside.container is not None
    served.tcp(kinds.echo, 7001)
    program = start(inside, target_of(inside, "docker"))
    program.wait_service(7001)
    inside.container.run("pkill", "-KILL", "-f", "--", "--control-fd")
    begin = time.monotonic()
    wait_until(lambda: answers(inside, 7001), "the echo answers again", timeout_s=5)
    assert time.monotonic() - begin <= 2.0
    program.stop()


def test_a_conflict_is_told(inside: TwoHosts, served: Services, start: Start) -> None:
    served.tcp(kinds.echo, 7001)
    with inside.host.listen("::", 7001):
        program = start(inside, "target")
        program.wait_event("conflict", port=7001)
    program.wait_service(7001, timeout_s=3)
    program.stop()


def answers(lab: TwoHosts, port: int) -> bool:
    """Whether a connection through port-linker is answered."""
    try:
        with lab.connect(port, timeout_s=3) as sock:
            return exchange(sock, b"again") == b"again"
    except ConnectionResetError:
        return False


@pytest.mark.parametrize(
    ("target", "code"),
    [("docker:no-such-container-here", "PL-DOCKER-NO-CONTAINER"), ("docker:-x", "PL-USAGE")],
)
def test_a_container_that_is_not_there(lab: TwoHosts, start: Start, target: str, code: str) -> None:
    program = start(lab, target, up=False)
    program.wait_error(code)
    assert program.process.returncode in (2, 3)
