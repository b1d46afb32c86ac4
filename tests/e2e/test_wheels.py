"""Both wheels install where there is no compiler, dependencies and all, and a session runs there.

The host is a container without a network of its own; what pip needs is collected beforehand.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator

import pip
import pytest

from tests.lab import services as kinds
from tests.lab.containers import Container
from tests.lab.fixtures import LabFactory
from tests.lab.hosts import BASE, REPOSITORY, TwoHosts
from tests.lab.pair import Pair
from tests.lab.probe import exchange
from tests.lab.program import PortLinker
from tests.lab.quic import count_carried, wait_carried, wait_quic
from tests.lab.services import Services
from tests.lab.shell import run

pytestmark = [pytest.mark.container, pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(300)]
HERE_PIP = [sys.executable, "-m", "pip"]
ENVIRONMENT = "/opt/port-linker"
PROGRAM = f"{ENVIRONMENT}/bin/port-linker"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with both wheels and all that they depend on."""
    executable = "packages/tunnel/src/port_linker_tunnel/bin/port-linker-tunnel"
    if not os.access(os.path.join(REPOSITORY, executable), os.X_OK):
        pytest.skip("the sidecar was not built: scripts/sidecar needs cargo")
    made = tmp_path_factory.mktemp("wheels")
    folders = [REPOSITORY, os.path.join(REPOSITORY, "packages", "tunnel")]
    words = ["wheel", "--quiet", "--no-deps", "--wheel-dir", str(made)]
    subprocess.run([*HERE_PIP, *words, *folders], check=True)
    # Both by file: names alone would let a newer one of an index win.
    ours = [str(path) for path in made.iterdir()]
    words = ["download", "--quiet", "--only-binary", ":all:", "--dest", str(made)]
    done = subprocess.run([*HERE_PIP, *words, *ours], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no package index gives the dependencies: {done.stderr[-500:]}")
    return made


@pytest.fixture
def container(
    image: Callable[[str], str], lab_factory: LabFactory, house: pathlib.Path
) -> Iterator[Container]:
    """A machine with Python and nothing to build with; pip and its wheels are in /opt."""
    os.makedirs(BASE, mode=0o755, exist_ok=True)
    made = Container(image("debian12"), BASE)
    try:
        run("docker", "cp", str(house), f"{made.name}:/opt/wheels")
        run("docker", "cp", os.path.dirname(pip.__file__), f"{made.name}:/opt/pip")
        made.run("python3", "-m", "venv", "--without-pip", ENVIRONMENT)
        yield made
    finally:
        made.close()


@pytest.fixture
def lab(lab_factory: LabFactory, container: Container) -> TwoHosts:
    """The container is the host; a namespace with sshd is the target."""
    return lab_factory(Pair(host_pid=container.pid))


def install(container: Container, what: str) -> None:
    """Install by name into the environment, as a user would who has no network but the wheels."""
    words = ["--python", f"{ENVIRONMENT}/bin/python", "install", "--quiet", "--no-compile"]
    words += ["--no-index", "--find-links", "/opt/wheels", what]
    container.run("env", "PYTHONPATH=/opt", "python3", "-m", "pip", *words)


def begin(lab: TwoHosts, container: Container) -> PortLinker:
    """Start the installed program in the container."""
    env = [f"{name}={value}" for name, value in lab.env(PORT_LINKER_LINK="auto").items()]
    prefix = container.command("env", "-i", *env)
    return PortLinker(lab, "target", prefix=prefix, program=PROGRAM)


def end(program: PortLinker, container: Container) -> int:
    """Interrupt the program inside, which docker would not pass on; return its exit code."""
    container.run("pkill", "-INT", "-f", f"^{ENVIRONMENT}/bin/python.*{PROGRAM}")
    return program.process.wait(10)


def test_the_wheels_are_what_their_names_say(house: pathlib.Path) -> None:
    (ours,) = house.glob("port_linker-*.whl")
    (tunnel,) = house.glob("port_linker_tunnel-*.whl")
    assert ours.name.endswith("-py3-none-any.whl")
    assert "manylinux" in tunnel.name
    assert tunnel.stat().st_size <= 2 * 1024 * 1024


def test_one_wheel_is_a_session_over_stdio(lab: TwoHosts, container: Container) -> None:
    install(container, "port-linker")
    with Services(lab.target) as services:
        services.tcp(kinds.echo, 7001)
        program = begin(lab, container)
        program.wait_service(7001)
        assert "port-linker-tunnel is not installed" in wait_quic(program, "down")["reason"]
        with lab.connect(7001) as sock:
            assert exchange(sock, b"x" * 100_000) == b"x" * 100_000
        assert count_carried(lab, "127.0.0.1:7001") == 0
        assert end(program, container) == 130
    assert "All of it worked" in container.run(PROGRAM, "demo", "--once")


def test_both_wheels_are_a_session_over_quic(lab: TwoHosts, container: Container) -> None:
    assert not container.run("sh", "-c", "command -v cargo rustc cc || true").strip()
    install(container, "port-linker[quic]")
    with Services(lab.target) as services:
        services.tcp(kinds.echo, 7001)
        program = begin(lab, container)
        wait_quic(program, "up")
        program.wait_service(7001)
        wait_carried(lab, 7001)
        with lab.connect(7001) as sock:
            assert exchange(sock, b"x" * 100_000) == b"x" * 100_000
        assert end(program, container) == 130
