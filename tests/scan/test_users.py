"""User names: read once, and never waited for."""

from __future__ import annotations

import os
import pwd
import threading
import time
from pathlib import Path

import pytest

from port_linker.scan import users
from port_linker.scan.users import UserNames, ask_name, parse_passwd


def test_a_file_of_users_gives_their_names() -> None:
    text = b"""\
root:x:0:0:root:/root:/bin/bash
toor:x:0:0::/root:/bin/sh
# comment:x:7:7
+nis:x:8:8
broken
odd:x:nine:9
an\x1bna\xff:x:1000:1000
"""
    assert parse_passwd(text) == {0: "root", 1000: "an\ufffdna\ufffd"}


def test_names_of_this_machine() -> None:
    assert UserNames().read_names({os.getuid()}) == {os.getuid(): pwd.getpwuid(os.getuid()).pw_name}
    assert ask_name(0) == pwd.getpwuid(0).pw_name
    assert ask_name(2**32 - 2) is None
    assert ask_name(2**70) is None


def test_nobody_and_the_unknown_have_no_name(tmp_path: Path) -> None:
    passwd = tmp_path / "passwd"
    passwd.write_bytes(b"nobody:x:65534:65534::/:/bin/false\n")
    assert UserNames(str(passwd)).read_names({65534, 4_000_000_000}) == {}


def test_a_changed_file_is_read_again_and_a_missing_one_is_none(tmp_path: Path) -> None:
    passwd = tmp_path / "passwd"
    names = UserNames(str(passwd))
    uid = 4_000_000_000
    assert names.read_names({uid}) == {}
    passwd.write_bytes(b"ann:x:4000000000:1\n")
    assert names.read_names({uid}) == {uid: "ann"}
    passwd.write_bytes(b"bob:x:4000000000:1:\n")
    assert names.read_names({uid}) == {uid: "bob"}
    assert names.read_names({uid}) == {uid: "bob"}


def test_a_slow_directory_service_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    release = threading.Event()

    def ask_slowly(uid: int) -> str:
        release.wait(10)
        return f"user{uid}"

    monkeypatch.setattr(users, "ask_name", ask_slowly)
    names = UserNames(str(tmp_path / "passwd"))
    assert names.read_names({5}) == {}
    release.set()
    ends_at = time.monotonic() + 10
    while not names.has_news:
        assert time.monotonic() < ends_at
    assert names.read_names({5}) == {5: "user5"}


def test_names_that_were_asked_for_have_a_bound(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(users, "_MAX_NAMES", 1)
    monkeypatch.setattr(users, "ask_name", str)
    names = UserNames(str(tmp_path / "passwd"))
    for uid in range(1, 5):
        while uid not in names.read_names({uid}):
            pass
    assert len(names._asked) <= 2
