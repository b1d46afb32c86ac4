"""The executable is taken only whole, kept privately, and run from memory where it must be."""

from __future__ import annotations

import hashlib
import os
import pathlib
import stat
import subprocess
import zlib

import pytest

from port_linker.agent import executable as room
from port_linker.agent.executable import ExecutableError, Unpacker, find_stored, store
from port_linker.protocol.quic import Executable

PROGRAM = b"#!/bin/sh\nexit 0\n"


def facts(data: bytes = PROGRAM, machine: str = "") -> Executable:
    digest = hashlib.sha256(data).hexdigest()
    return Executable(digest, len(data), len(zlib.compress(data)), machine or os.uname().machine)


def test_it_is_kept_and_found_again(tmp_path: pathlib.Path) -> None:
    folder = str(tmp_path)
    assert find_stored(folder, facts()) is None
    command = store(folder, facts(), PROGRAM)
    path = tmp_path / f"tunnel-{facts().digest}"
    assert command.words == [str(path)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert os.listdir(folder) == [path.name]
    os.utime(path, (0, 0))
    found = find_stored(folder, facts())
    assert found is not None
    assert found.words == [str(path)]
    assert path.stat().st_mtime > 0, "what is used is not pruned"


def test_a_damaged_one_goes(tmp_path: pathlib.Path) -> None:
    store(str(tmp_path), facts(), PROGRAM)
    path = tmp_path / f"tunnel-{facts().digest}"
    path.write_bytes(b"#!/bin/sh\nrm -rf $HOME\n")
    assert find_stored(str(tmp_path), facts()) is None
    assert not path.exists()


def test_a_link_is_not_followed(tmp_path: pathlib.Path) -> None:
    real = tmp_path / "real"
    real.write_bytes(PROGRAM)
    (tmp_path / f"tunnel-{facts().digest}").symlink_to(real)
    assert find_stored(str(tmp_path), facts()) is None


def test_without_a_directory_that_runs_programs_it_runs_from_memory(
    tmp_path: pathlib.Path,
) -> None:
    with open("/bin/true", "rb") as file:  # a script could not be read back through its descriptor
        data = file.read()
    (tmp_path / "file").write_bytes(b"")
    for folder in (None, str(tmp_path / "file" / "not-a-directory")):
        command = store(folder, facts(data), data)
        assert command.words[0].startswith("/proc/self/fd/")
        done = subprocess.run(command.words, pass_fds=command.descriptors, check=False)
        assert done.returncode == 0
        command.close()
        command.close()


def test_a_directory_without_programs_is_found_out(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def runs(command: room.Command) -> bool:
        tried.append(command.words[0])
        return command.words[0].startswith("/proc/")

    monkeypatch.setattr(room, "_runs", runs)
    stored = store(str(tmp_path), facts(), PROGRAM)
    assert stored.words[0].startswith("/proc/self/fd/")
    found = find_stored(str(tmp_path), facts())
    assert found is not None
    assert found.words[0].startswith("/proc/self/fd/")
    stored.close()
    found.close()


def test_where_nothing_runs_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_runs", lambda _command: False)
    with pytest.raises(ExecutableError, match="no directory"):
        store(None, facts(), PROGRAM)
    monkeypatch.delattr(os, "memfd_create")
    with pytest.raises(ExecutableError, match="no directory"):
        store(None, facts(), PROGRAM)


def test_another_machine_is_refused() -> None:
    room.check_machine(facts())
    with pytest.raises(ExecutableError, match="riscv64"):
        room.check_machine(facts(machine="riscv64"))


def test_pieces_make_a_whole() -> None:
    data = os.urandom(100_000)
    packed = zlib.compress(data)
    unpacker = Unpacker(facts(data))
    assert not unpacker.feed(5, packed[5:10]), "only the next piece is taken"
    for at in range(0, len(packed), 30_000):
        assert not unpacker.is_complete
        assert unpacker.feed(at, packed[at : at + 30_000])
    assert unpacker.is_complete
    assert unpacker.take() == data


def test_what_is_not_what_was_announced_is_refused() -> None:
    other = Unpacker(facts(b"other, and as long"))
    other.feed(0, zlib.compress(b"this is no program"))
    with pytest.raises(ExecutableError, match="damaged"):
        other.take()
    with pytest.raises(ExecutableError, match="damaged"):
        Unpacker(facts()).feed(0, b"not zlib")


def test_a_bomb_is_not_unpacked() -> None:
    bomb = zlib.compress(bytes(50_000_000))
    unpacker = Unpacker(facts())
    with pytest.raises(ExecutableError, match="larger"):
        unpacker.feed(0, bomb)
    assert len(unpacker._data) <= len(PROGRAM) + 1
