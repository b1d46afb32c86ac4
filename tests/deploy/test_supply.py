"""The files that an attacher starts agents from."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from port_linker.deploy import bytecode
from port_linker.deploy.handle import AttachError
from port_linker.deploy.supply import Supply
from tests.deploy.rig import AGENT, FAKE, make_header


def give(_size: int) -> bytes:
    """Be the host that sends the bundle."""
    return FAKE.data


def fail(_size: int) -> bytes:
    """Be a host that must not be asked."""
    raise AssertionError


@pytest.fixture
def base(tmp_path: Path) -> str:
    return str(tmp_path / "port-linker")


def test_the_bundle_is_asked_for_once(base: str) -> None:
    first = Supply(make_header([base]))
    first.open(give)
    assert first.bundle == first.program == f"{base}/agent-{FAKE.digest}.pyz"
    assert first.directory == base
    assert first.address == f"{base}/agent-{AGENT}.sock"
    Supply(make_header([base])).open(fail)


def test_the_command_holds_no_secret(base: str) -> None:
    supply = Supply(make_header([base]))
    supply.open(give)
    assert supply.command(7) == [
        *(sys.executable, "-I", "-S", supply.bundle),
        *("agent", "--control-fd", "7"),
    ]


def test_in_memory_there_are_no_files_to_look_after() -> None:
    supply = Supply(make_header([]))
    supply.open(give)
    assert supply.bundle.startswith("/proc/self/fd/")
    assert supply.directory is None
    assert supply.address == f"@port-linker-{os.geteuid()}-{AGENT}"
    assert supply.addresses() == [supply.address, *supply.names]
    supply.claim()
    assert not supply.is_claimed_by_another()
    supply.look_after()
    supply.release()
    assert not supply.drop_code()
    os.close(int(supply.bundle.rpartition("/")[2]))


def test_the_newer_claim_holds(base: str) -> None:
    old, new = Supply(make_header([base])), Supply(make_header([base]))
    old.open(give)
    new.open(fail)
    old.claim()
    assert not old.is_claimed_by_another()
    new.claim()
    assert old.is_claimed_by_another()
    old.release()
    assert not new.is_claimed_by_another()
    new.release()
    assert os.listdir(base) == [f"agent-{FAKE.digest}.pyz"]


def test_files_in_use_stay_young_and_the_byte_code_is_kept(base: str) -> None:
    supply = Supply(make_header([base]))
    supply.open(give)
    os.utime(supply.bundle, (0, 0))
    supply.look_after()
    assert os.stat(supply.bundle).st_mtime > 0
    again = Supply(make_header([base]))
    again.open(fail)
    assert again.program == bytecode.code_path(supply.bundle)
    assert again.drop_code()
    assert again.program == again.bundle
    assert not os.path.exists(bytecode.code_path(supply.bundle))


@pytest.mark.parametrize("size", [0, -5, 1 << 40])
def test_a_size_without_sense_is_refused(base: str, size: int) -> None:
    with pytest.raises(AttachError):
        Supply(make_header([base], size=size)).open(fail)


def test_a_damaged_bundle_is_refused(base: str) -> None:
    with pytest.raises(AttachError) as caught:
        Supply(make_header([base])).open(lambda size: b"\r" * size)
    assert caught.value.code == "bundle-damaged"
    assert os.listdir(base) == []
