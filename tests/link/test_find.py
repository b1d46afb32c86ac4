"""The executable is found in its wheel and nowhere else; what was looked at is said."""

from __future__ import annotations

import hashlib
import pathlib
import sys
import zlib

import pytest

from port_linker.link import find
from port_linker.link.find import TunnelMissing, find_executable, read_tunnel


@pytest.fixture
def wheel(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Stand in for the wheel; return where its executable belongs."""
    package = tmp_path / "a_tunnel"
    (package / "bin").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(find, "PACKAGE", "a_tunnel")
    monkeypatch.delitem(sys.modules, "a_tunnel", raising=False)
    return package / "bin" / find.NAME


def test_the_wheels_file_is_found(wheel: pathlib.Path) -> None:
    wheel.write_text("#!/bin/sh\n")
    wheel.chmod(0o755)
    assert find_executable() == str(wheel)


def test_a_file_that_does_not_run_is_named(wheel: pathlib.Path) -> None:
    wheel.write_text("#!/bin/sh\n")
    wheel.chmod(0o644)
    with pytest.raises(TunnelMissing, match="not executable") as raised:
        find_executable()
    assert str(wheel) in raised.value.message


def test_path_is_never_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    bait = tmp_path / find.NAME
    bait.write_text("#!/bin/sh\n")
    bait.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(find, "PACKAGE", "no_such_tunnel")
    with pytest.raises(TunnelMissing, match="not installed") as raised:
        find_executable()
    assert raised.value.hint is not None
    assert "pip install" in raised.value.hint


def test_it_is_read_packed_and_named_by_its_digest(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "tunnel"
    path.write_bytes(b"program" * 1000)
    tunnel = read_tunnel(str(path))
    assert tunnel.facts.digest == hashlib.sha256(b"program" * 1000).hexdigest()
    assert zlib.decompress(tunnel.packed) == b"program" * 1000
    assert (tunnel.facts.size, tunnel.facts.packed_size) == (7000, len(tunnel.packed))


def test_what_cannot_be_read_is_missing(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TunnelMissing, match="cannot be read"):
        read_tunnel(str(tmp_path / "gone"))
    monkeypatch.setattr(find, "MAX_EXECUTABLE_BYTES", 10)
    large = tmp_path / "large"
    large.write_bytes(bytes(100))
    with pytest.raises(TunnelMissing, match="larger"):
        read_tunnel(str(large))
