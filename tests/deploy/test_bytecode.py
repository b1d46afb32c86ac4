"""The bundle's byte code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from port_linker.deploy import bytecode, cache
from port_linker.deploy.bundle import build_bundle, pack_bundle

SOURCES = {
    "port_linker": "",
    "port_linker.agent": "",
    "port_linker.agent.__main__": "def main():\n print(main.__code__.co_filename)\n return 3\n",
}


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    path = tmp_path / "agent-1234.pyz"
    path.write_bytes(pack_bundle(SOURCES).data)
    return str(path)


def test_it_runs_as_the_bundle_does(bundle: str) -> None:
    assert bytecode.find_code(bundle) is None
    bytecode.store_code(bundle)
    code = bytecode.find_code(bundle)
    assert code is not None
    ran = subprocess.run([sys.executable, "-I", "-S", code], capture_output=True)
    assert (ran.returncode, ran.stdout) == (3, b"port_linker/agent/__main__.py\n")


def test_a_damaged_one_is_removed(bundle: str) -> None:
    bytecode.store_code(bundle)
    path = Path(bytecode.code_path(bundle))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert bytecode.find_code(bundle) is None
    assert not path.exists()


def test_it_is_made_once(bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def compile_bundle(path: str) -> bytes:
        made.append(path)
        return b""

    monkeypatch.setattr(bytecode, "compile_bundle", compile_bundle)
    bytecode.store_code(bundle)
    bytecode.store_code(bundle)
    assert made == [bundle]


@pytest.mark.parametrize("data", [b"", b"no zip"])
def test_what_cannot_be_compiled_is_left_alone(bundle: str, data: bytes) -> None:
    Path(bundle).write_bytes(data)
    bytecode.store_code(bundle)
    assert bytecode.find_code(bundle) is None


def test_the_real_bundle_compiles(tmp_path: Path) -> None:
    path = tmp_path / "agent-real.pyz"
    path.write_bytes(build_bundle().data)
    bytecode.store_code(str(path))
    code = bytecode.find_code(str(path))
    assert code is not None
    assert Path(code).stat().st_size < cache.MAX_BUNDLE_BYTES
