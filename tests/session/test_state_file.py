"""What is kept per target between runs."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest

from port_linker.errors import PortLinkerError
from port_linker.session.state_file import MAX_CLAIMS, StateFile


def open_state(folder: Path) -> StateFile:
    return StateFile(str(folder), "dev1-abc", "dev1")


def test_a_crash_leaves_the_agent_to_the_next_run(tmp_path: Path) -> None:
    first = open_state(tmp_path)
    agent = first.agent()
    assert not agent.is_old
    first.save(agent)
    first.close()  # as the kernel does for a process that was killed
    again = open_state(tmp_path).agent()
    assert again.is_old
    assert (again.agent_id, again.token) == (agent.agent_id, agent.token)


def test_an_end_in_good_order_leaves_nothing(tmp_path: Path) -> None:
    state = open_state(tmp_path)
    first = state.agent()
    state.save(first)
    state.forget()
    assert state.agent().token != first.token
    state.close()


def test_a_second_run_is_told_who_runs(tmp_path: Path) -> None:
    state = open_state(tmp_path)
    state.save(state.agent())
    with pytest.raises(PortLinkerError, match=f"pid {os.getpid()}") as caught:
        open_state(tmp_path)
    assert caught.value.code == "PL-SESSION-RUNNING"
    state.close()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"agent": "../x", "token": 1}', "\x00\xff"])
def test_a_damaged_file_is_no_agent(tmp_path: Path, text: str) -> None:
    (tmp_path / "dev1-abc.json").write_text(text)
    assert not open_state(tmp_path).agent().is_old


def test_the_file_is_for_its_owner_alone_and_no_link_is_followed(tmp_path: Path) -> None:
    state = open_state(tmp_path)
    state.save(state.agent())
    path = tmp_path / "dev1-abc.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["pid"] == os.getpid()
    state.close()
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        open_state(tmp_path)


def test_the_token_is_no_part_of_what_is_shown(tmp_path: Path) -> None:
    agent = open_state(tmp_path).agent()
    assert agent.token not in repr(agent)


def test_one_machine_has_one_session_however_it_is_spelled(tmp_path: Path) -> None:
    one = StateFile(str(tmp_path), "dev1-abc", "dev1")
    other = StateFile(str(tmp_path), "ann-dev1-def", "ann@dev1")
    assert one.claim("boot net 0") is None
    assert one.claim("boot net 0") is None
    assert other.claim("boot other-net 0") is None
    error = other.claim("boot net 0")
    assert error is not None
    assert error.code == "PL-SESSION-RUNNING"
    assert str(os.getpid()) in error.message
    one.close()
    assert other.claim("boot net 0") is None
    other.close()


def test_a_claim_that_cannot_be_written_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = StateFile(str(tmp_path), "dev1-abc", "dev1")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(StateFile, "_write", fail)
    assert state.claim("boot net 0") is None


def test_a_target_that_boots_again_and_again_leaves_few_files(tmp_path: Path) -> None:
    state = open_state(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(50):
        assert state.claim(f"boot-{number} net 0") is None
    assert len(list(tmp_path.glob("machine-*"))) == MAX_CLAIMS
    assert len(os.listdir("/proc/self/fd")) == before + MAX_CLAIMS
    other = StateFile(str(tmp_path), "other", "other")
    assert other.claim("boot-49 net 0") is not None
    assert other.claim("boot-0 net 0") is None
    state.close()
    other.close()
    assert list(tmp_path.glob("machine-*")) == []


def test_a_full_disk_leaves_no_lock_of_our_own_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = open_state(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full_disk)
        assert state.claim("machine") is None
    assert state.claim("machine") is None  # it was "another port-linker": ourselves
    other = StateFile(str(tmp_path), "other", "other")
    assert other.claim("machine") is not None
    state.close()
    assert other.claim("machine") is None
    other.close()


def full_disk(*_: object) -> int:
    raise OSError(28, "No space left on device")


def test_a_file_removed_between_open_and_lock_is_not_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a third one would make the name again, and both would hold it."""
    path = tmp_path / "dev1-abc.json"
    flock = fcntl.flock

    def race(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        path.unlink()  # the last holder's close()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", race)
    state = open_state(tmp_path)
    with pytest.raises(PortLinkerError, match="already links"):
        open_state(tmp_path)
    state.close()
