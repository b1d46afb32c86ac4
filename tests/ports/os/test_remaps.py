"""Stand-in ports are remembered by target, and damage does no harm."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.ports.os import remaps
from port_linker.ports.os.remaps import (
    Remembered,
    forget,
    list_remembered,
    parse_names,
    parse_remaps,
    read_remaps,
    write_remaps,
)

REMAPS = {"tcp/0.0.0.0:80": 8080, "udp/[::1]:53": 8053}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "remaps"
    assert read_remaps("dev1", folder) == {}
    assert write_remaps("dev1", REMAPS, folder)
    assert read_remaps("dev1", folder) == REMAPS
    assert read_remaps("dev2", folder) == {}
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "target", ["a/b", "../../etc", "ssh://me@host:22", "exec:sh -c 'x'", "", "é"]
)
def test_any_target_has_a_file_of_its_own(tmp_path: Path, target: str) -> None:
    write_remaps(target, REMAPS, tmp_path)
    write_remaps(target + "_", {}, tmp_path)
    assert read_remaps(target, tmp_path) == REMAPS
    assert len(list(tmp_path.iterdir())) == 2, "and none outside the folder"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"v": 2, "remaps": {}}',
        b'{"v": 1, "remaps": []}',
        b'{"v": 1, "remaps": {"web": 80}}',
        b'{"v": 1, "remaps": {"tcp/0.0.0.0:80": 0}}',
        b'{"v": 1, "remaps": {"tcp/0.0.0.0:80": true}}',
        b'{"v": 1, "remaps": {"tcp/0.0.0.0:80": "8080"}}',
        b"[" * 100_000,
        b" " * (remaps.MAX_BYTES + 1),
    ],
)
def test_a_damaged_file_is_moved_aside(
    tmp_path: Path, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    write_remaps("dev1", REMAPS, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(text)
    assert read_remaps("dev1", tmp_path) == {}
    assert "damaged" in caplog.text
    assert [one.suffix for one in tmp_path.iterdir()] == [".corrupt"]
    assert write_remaps("dev1", REMAPS, tmp_path)
    assert read_remaps("dev1", tmp_path) == REMAPS


@given(st.binary(max_size=200))
def test_any_bytes_are_remaps_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert all(1 <= port <= 65535 for port in parse_remaps(data).values())


def test_a_folder_that_cannot_be_written_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    assert not write_remaps("dev1", REMAPS, tmp_path / "file" / "remaps")
    assert "cannot be remembered" in caplog.text
    assert read_remaps("dev1", tmp_path / "file" / "remaps") == {}
    assert "cannot be read" in caplog.text


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_remaps("dev1", REMAPS, tmp_path)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        assert not write_remaps("dev1", {}, tmp_path)
    assert read_remaps("dev1", tmp_path) == REMAPS
    assert len(list(tmp_path.iterdir())) == 1, "no rest of the attempt"


def test_the_folder_is_the_one_for_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert write_remaps("dev1", REMAPS)
    assert read_remaps("dev1") == REMAPS
    assert (tmp_path / "port-linker" / "remaps").is_dir()


def test_all_is_listed_and_forgotten_whatever_lies_beside_it(tmp_path: Path) -> None:
    assert list_remembered(folder=tmp_path / "none") == []
    write_remaps("b\x1b[2J", {"tcp/0.0.0.0:80": 8080}, tmp_path)
    write_remaps("a", REMAPS, tmp_path)
    (tmp_path / "x.json").write_bytes(b"{")
    (tmp_path / "y.corrupt").write_bytes(b"{")
    rows = list_remembered(folder=tmp_path)
    assert [row.names for row in rows] == [("a",), ("a",), ("b\ufffd[2J",)]
    forget(folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_target_is_listed_and_forgotten_by_the_names_that_people_use(tmp_path: Path) -> None:
    names = ("-p 2222 dev1", "dev1")
    write_remaps("dev1-5f2c81d09a3b", {"tcp/0.0.0.0:80": 8080}, tmp_path, names)
    write_remaps("dev2-0123456789ab", {"tcp/0.0.0.0:80": 8081}, tmp_path)  # as older versions did
    first, second = list_remembered(folder=tmp_path)
    assert first == Remembered(names, "tcp/0.0.0.0:80", 8080)
    assert second.names == ("dev2",)
    assert list_remembered("dev1", tmp_path) == [first]
    forget("dev3", tmp_path)
    assert list_remembered(folder=tmp_path) == [first, second]
    forget("dev1", tmp_path)
    assert list_remembered(folder=tmp_path) == [second]


@pytest.mark.parametrize("names", ["[]", "7", "null", '{"a": 1}', '"dev1"'])
def test_names_that_are_none_are_made_of_the_key(names: str) -> None:
    text = '{"v": 1, "target": "dev1-5f2c81d09a3b", "remaps": {}, "names": %s}' % names  # noqa: UP031
    assert parse_names(text.encode()) == ("dev1",)
