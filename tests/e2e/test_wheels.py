"""Both wheels install where there is no compiler, and the program finds its sidecar there."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator

import pip
import pytest

from tests.lab.containers import Container
from tests.lab.hosts import REPOSITORY

pytestmark = [pytest.mark.container, pytest.mark.slow, pytest.mark.timeout(300)]
PLACE = "/opt/port-linker"
ASK = (
    "import subprocess; from port_linker.link.find import find_executable;"
    " print(subprocess.check_output([find_executable(), '--version'], text=True))"
)


@pytest.fixture
def wheels(tmp_path: pathlib.Path) -> pathlib.Path:
    """Build both wheels."""
    executable = "packages/tunnel/src/port_linker_tunnel/bin/port-linker-tunnel"
    if not os.access(os.path.join(REPOSITORY, executable), os.X_OK):
        pytest.skip("the sidecar was not built: scripts/sidecar needs cargo")
    words = ["wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path / "wheels")]
    folders = [REPOSITORY, os.path.join(REPOSITORY, "packages", "tunnel")]
    subprocess.run([sys.executable, "-m", "pip", *words, *folders], check=True)
    return tmp_path / "wheels"


@pytest.fixture
def container(image: Callable[[str], str], tmp_path: pathlib.Path) -> Iterator[Container]:
    """A machine with Python and nothing to build with."""
    made = Container(image("debian12"), str(tmp_path))
    yield made
    made.close()


def test_both_wheels_work_without_rust(wheels: pathlib.Path, container: Container) -> None:
    names = sorted(path.name for path in wheels.iterdir())
    assert [name.split("-")[0] for name in names] == ["port_linker", "port_linker_tunnel"]
    assert "manylinux" in names[1]
    assert wheels.joinpath(names[1]).stat().st_size <= 2 * 1024 * 1024
    assert not container.run("sh", "-c", "command -v cargo rustc cc || true").strip()
    pip_home = wheels.parent / "pip-home"
    pip_home.mkdir()
    subprocess.run(["cp", "-r", os.path.dirname(pip.__file__), str(pip_home)], check=True)
    install = ["--no-index", "--no-deps", "--quiet", "--target", PLACE]
    files = [str(wheels / name) for name in names]
    with_pip = ["env", f"PYTHONPATH={pip_home}", "python3", "-m", "pip", "install"]
    container.run(*with_pip, *install, *files)
    python = ["env", f"PYTHONPATH={PLACE}", "python3"]
    assert "port-linker-tunnel" in container.run(*python, "-c", ASK)
    assert "port-linker" in container.run(*python, f"{PLACE}/bin/port-linker", "version")
