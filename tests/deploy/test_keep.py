"""The agent's bundle kept on the host: it follows the files that it was made from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from port_linker.deploy import keep


class Builder:
    """Counts how often it had to build."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> bytes:
        self.count += 1
        return b"bundle %d" % self.count


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "package" / "room"
    folder.mkdir(parents=True)
    (folder / "a.py").write_text("1")
    return folder.parent


def kept_files(package: Path) -> list[Path]:
    return sorted((package.parent / "cache" / "port-linker" / "bundles").iterdir())


def test_it_is_built_once_for_the_same_files(package: Path) -> None:
    build = Builder()
    assert [keep.load_or_build(str(package), build) for _ in range(3)] == [b"bundle 1"] * 3
    (path,) = kept_files(package)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_changed_or_new_file_builds_it_again(package: Path) -> None:
    build = Builder()
    keep.load_or_build(str(package), build)
    (package / "room" / "a.py").write_text("22")
    assert keep.load_or_build(str(package), build) == b"bundle 2"
    (package / "b.py").write_text("")
    assert keep.load_or_build(str(package), build) == b"bundle 3"
    (package / "notes.txt").write_text("no source")
    assert keep.load_or_build(str(package), build) == b"bundle 3"


def test_a_damaged_file_and_one_that_others_may_write_are_not_used(package: Path) -> None:
    build = Builder()
    keep.load_or_build(str(package), build)
    (path,) = kept_files(package)
    path.write_bytes(path.read_bytes()[:-1])
    assert keep.load_or_build(str(package), build) == b"bundle 2"
    path.chmod(0o666)
    assert keep.load_or_build(str(package), build) == b"bundle 3"
    target = path.rename(path.with_suffix(".other"))
    path.symlink_to(target)
    assert keep.load_or_build(str(package), build) == b"bundle 4"


def test_only_the_last_few_are_kept(package: Path) -> None:
    for size in range(keep.KEPT_FILES + 3):
        (package / "a.py").write_text("x" * size)
        keep.load_or_build(str(package), Builder())
        os.utime(kept_files(package)[0])
    assert len(kept_files(package)) == keep.KEPT_FILES


def test_without_a_folder_it_is_built_each_time(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package.parent / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(package.parent / "file"))
    build = Builder()
    assert [keep.load_or_build(str(package), build) for _ in range(2)] == [b"bundle 1", b"bundle 2"]


def test_a_package_that_is_no_folder_is_built_each_time(package: Path) -> None:
    assert keep.load_or_build(str(package / "none"), Builder()) == b"bundle 1"
