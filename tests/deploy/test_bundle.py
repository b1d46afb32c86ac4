"""The agent's zip, stage 0 and the attacher's program."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest

from port_linker.deploy.bundle import (
    _ATTACHER_MODULES,
    build_bundle,
    fill_stage0,
    pack_attacher,
    pack_bundle,
    read_own_module,
)
from port_linker.deploy.manifest import parse_source

SOURCES = {
    "port_linker": "",
    "port_linker.agent": "'doc'",
    "port_linker.agent.__main__": "import sys\ndef main():\n print(sys.argv[1:])\n return 5\n",
}


def test_the_bytes_are_the_same_each_time_in_any_order() -> None:
    one = pack_bundle(SOURCES)
    two = pack_bundle(dict(reversed(SOURCES.items())))
    assert one == two
    assert one.digest != pack_bundle({**SOURCES, "port_linker": "1"}).digest


def test_packages_are_packages_even_if_empty() -> None:
    names = zipfile.ZipFile(io.BytesIO(pack_bundle(SOURCES).data)).namelist()
    assert names == [
        "__main__.py",
        "port_linker/__init__.py",
        "port_linker/agent/__init__.py",
        "port_linker/agent/__main__.py",
    ]


def test_python_runs_it_isolated(tmp_path: Path) -> None:
    path = tmp_path / "agent.pyz"
    path.write_bytes(pack_bundle(SOURCES).data)
    words = [sys.executable, "-I", "-S", str(path), "agent", "--control-fd", "9"]
    ran = subprocess.run(words, capture_output=True, check=False)
    assert (ran.stdout, ran.returncode) == (b"['agent', '--control-fd', '9']\n", 5)


def test_the_agent_does_without_openssl(tmp_path: Path) -> None:
    text = "import asyncio, sys\ndef main():\n return '_ssl' in sys.modules"
    path = tmp_path / "agent.pyz"
    path.write_bytes(pack_bundle({**SOURCES, "port_linker.agent.__main__": text}).data)
    words = [sys.executable, "-W", "error", "-I", "-S", str(path)]
    ran = subprocess.run(words, capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_our_own_modules_are_read_by_name() -> None:
    assert "__version__" in str(read_own_module("port_linker"))
    assert read_own_module("port_linker.ssh") is not None
    assert "def parse_target" in str(read_own_module("port_linker.ssh.target"))
    assert read_own_module("port_linker.ssh.gone") is None


def test_the_real_bundle_is_built_once_and_small() -> None:
    bundle = build_bundle()
    assert build_bundle() is bundle
    assert len(bundle.data) < 256 << 10


def test_the_real_bundle_is_python_3_9() -> None:
    archive = zipfile.ZipFile(io.BytesIO(build_bundle().data))
    for name in archive.namelist():
        parse_source(archive.read(name), name, (3, 9))


@pytest.mark.parametrize("name", ["attacher", "bytecode", "cache", "handle", "supply", "opener"])
def test_the_attachers_parts_are_python_3_9(name: str) -> None:
    text = str(read_own_module(f"port_linker.deploy.{name}"))
    tree = parse_source(text, name, (3, 9))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {module for module in modules if module and module.startswith("port_linker")}
    assert ours <= set(_ATTACHER_MODULES)


def test_the_attachers_program_runs_alone_and_ends_with_its_input() -> None:
    program = zlib.decompress(pack_attacher()).decode()
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], input=b"", capture_output=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")


def test_stage_0_is_filled_in_and_quoted() -> None:
    plain = fill_stage0("abc", None)
    assert b"nonce=abc wanted=''\n" in plain
    assert b"@NONCE@" not in plain
    assert b"@PYTHON@" not in plain
    assert b"wanted='/a b/$(x)'\n" in fill_stage0("abc", "/a b/$(x)")
