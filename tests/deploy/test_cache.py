"""Directories and files of the target, with everything that can be wrong with them."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import time
from pathlib import Path

import pytest

from port_linker.deploy import cache

DATA = b"a bundle"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "port-linker"
    path.mkdir(mode=0o700)
    return path


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# Directories


def test_a_directory_is_made_private_and_used_again(tmp_path: Path) -> None:
    path = str(tmp_path / "port-linker")
    assert cache.open_dir(path) == path
    assert stat.S_IMODE(os.lstat(path).st_mode) == 0o700
    assert cache.open_dir(path) == path


@pytest.mark.parametrize("trouble", ["open to others", "a link", "a file", "someone else's"])
def test_what_is_not_ours_alone_is_left_and_a_fresh_name_taken(
    tmp_path: Path, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "port-linker"
    if trouble == "open to others":
        path.mkdir()
        path.chmod(0o755)
    elif trouble == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        path.symlink_to(tmp_path / "elsewhere")
    elif trouble == "a file":
        path.write_text("")
    else:
        path.mkdir(mode=0o700)
        if os.geteuid() != 0:
            pytest.skip("only root can give a directory away")
        os.chown(path, 4242, 4242)
    fresh = cache.open_dir(str(path))
    assert fresh is not None
    assert fresh.startswith(str(path) + "-")
    assert cache.is_ours(fresh)
    assert cache.open_dir(str(path)) == fresh  # the next run finds it again


def test_a_sibling_that_is_not_ours_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "port-linker").write_text("")
    (tmp_path / "port-linker-planted").symlink_to("/tmp")
    fresh = cache.open_dir(str(tmp_path / "port-linker"))
    assert fresh != str(tmp_path / "port-linker-planted")


@pytest.mark.parametrize("path", ["/proc/port-linker", "/nowhere/at/all/port-linker"])
def test_where_nothing_can_be_made_there_is_none(path: str) -> None:
    assert cache.open_dir(path) is None


# The bundle


def test_a_stored_bundle_is_found_whole_and_marked_as_used(own: Path) -> None:
    path = cache.store_bundle([str(own)], digest(DATA), DATA)
    assert path == f"{own}/agent-{digest(DATA)}.pyz"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    os.utime(path, (0, 0))
    assert cache.find_bundle(["/nowhere", str(own)], digest(DATA)) == path
    assert os.stat(path).st_mtime > 0


@pytest.mark.parametrize("damage", [b"", b"a bundlE", b"a bundle and more"])
def test_a_damaged_bundle_is_removed(own: Path, damage: bytes) -> None:
    path = own / f"agent-{digest(DATA)}.pyz"
    path.write_bytes(damage)
    assert cache.find_bundle([str(own)], digest(DATA)) is None
    assert not path.exists()


def test_a_link_in_place_of_the_bundle_is_not_followed(own: Path, tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(DATA)
    (own / f"agent-{digest(DATA)}.pyz").symlink_to(tmp_path / "real")
    assert cache.find_bundle([str(own)], digest(DATA)) is None


def test_a_full_disk_leads_to_the_next_directory_and_leaves_nothing(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    replace = os.replace

    def full(source: str, path: str) -> None:
        if path.startswith(str(own)):
            raise OSError(28, "No space left on device")
        replace(source, path)

    monkeypatch.setattr(os, "replace", full)
    path = cache.store_bundle([str(own), str(second)], digest(DATA), DATA)
    assert path is not None
    assert path.startswith(str(second))
    assert os.listdir(own) == []
    assert cache.store_bundle([str(own)], digest(DATA), DATA) is None


def test_a_bundle_in_memory_is_readable_by_its_path() -> None:
    path = cache.make_memory_bundle(DATA)
    assert Path(path).read_bytes() == DATA
    fd = int(path.rpartition("/")[2])
    assert os.get_inheritable(fd)
    os.close(fd)


# The socket


def test_a_socket_lies_in_the_directory_or_has_an_abstract_name() -> None:
    assert cache.socket_path("/d", "ab12") == "/d/agent-ab12.sock"
    abstract = f"@port-linker-{os.geteuid()}-ab12"
    assert cache.socket_path(None, "ab12") == abstract
    assert cache.socket_path("/" + "d" * 100, "ab12") == abstract  # too long for sockaddr_un


def listen(address: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(address)
    sock.listen()
    return sock


def test_both_kinds_of_socket_are_reached(own: Path) -> None:
    path = cache.socket_path(str(own), "ab12")
    with listen(path), cache.connect_socket(path, 1):
        pass
    name = f"@port-linker-test-{os.getpid()}"
    with listen("\0" + name[1:]), cache.connect_socket(name, 1):
        pass
    with pytest.raises(ConnectionRefusedError):
        cache.connect_socket(name, 1)


# Pruning


def test_what_was_not_used_for_a_week_goes(own: Path) -> None:
    now_s = 1_800_000_000.0
    old, young = now_s - cache.KEEP_S - 1, now_s - cache.KEEP_S + 60
    live = listen(str(own / "agent-live.sock"))
    listen(str(own / "agent-dead.sock")).close()
    listen(str(own / "agent-young.sock")).close()
    for name in ("agent-1.pyz", "agent-2.pyz", "agent-3.pyz.part", "other", "agent-dir"):
        (own / name).mkdir() if name == "agent-dir" else (own / name).write_bytes(b"")
    for path in own.iterdir():
        is_young = path.name in ("agent-2.pyz", "agent-young.sock")
        os.utime(path, (now_s, young if is_young else old))
    cache.prune(str(own), now_s)
    kept = {"agent-live.sock", "agent-young.sock", "agent-2.pyz", "other", "agent-dir"}
    assert set(os.listdir(own)) == kept
    live.close()
    cache.prune("/nowhere", now_s)


def test_what_is_in_use_stays_though_the_clock_jumps(own: Path) -> None:
    for name in ("agent-1.pyz", "agent-2.pyz", "tunnel-1"):
        (own / name).write_bytes(b"")
    held = cache.hold(str(own / "agent-1.pyz"))
    with_agent = cache.hold(str(own / "tunnel-1"))
    assert held is not None
    assert with_agent is not None
    later_s = time.time() + 2 * cache.KEEP_S
    cache.prune(str(own), later_s)
    assert sorted(os.listdir(own)) == ["agent-1.pyz", "tunnel-1"]
    os.close(held)
    os.close(with_agent)
    cache.prune(str(own), later_s)
    assert os.listdir(own) == []


def test_what_cannot_be_held_is_left_to_its_age(own: Path) -> None:
    assert cache.hold(str(own / "missing")) is None
    assert cache.hold("/proc/self/fd/0") is None
    assert not cache.is_held(str(own / "missing"))


def test_spare_names_are_told_by_the_token_alone() -> None:
    names = cache.spare_names("ab12", "70cce4")
    assert len(set(names)) == cache.SPARE_NAMES
    assert names == cache.spare_names("ab12", "70cce4")
    assert not set(names) & set(cache.spare_names("ab12", "70cce5"))
    assert all(name.startswith("@port-linker-") and "70cce4" not in name for name in names)
