"""The way into a session: its lock and its log."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from port_linker.errors import PortLinkerError, UnreachableError, UsageError
from port_linker.session.settings import SessionSettings
from port_linker.session.start import run_session
from port_linker.session.state_file import StateFile
from port_linker.ssh.target import parse_target
from tests.fakes.front import ScriptedFront


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "port-linker"


async def test_a_session_that_fails_leaves_its_log_and_no_lock(state: Path) -> None:
    for _ in range(2):  # the lock is free again
        with pytest.raises(PortLinkerError):
            await run_session(SessionSettings("exec:false"), ScriptedFront())
    logs = [name for name in os.listdir(state) if name.startswith("session-")]
    assert len(logs) == 2
    assert os.readlink(state / "debug.log") in logs


async def test_a_second_session_for_the_same_target_is_told_of_the_first(state: Path) -> None:
    target = parse_target("exec:false")
    held = StateFile(str(state / "targets"), target.key, target.display)
    with pytest.raises(PortLinkerError) as caught:
        await run_session(SessionSettings("exec:false"), ScriptedFront())
    assert caught.value.code == "PL-SESSION-RUNNING"
    held.close()


async def test_a_state_folder_or_a_log_that_cannot_be_is_one_sentence(state: Path) -> None:
    settings = SessionSettings("exec:false", log_file="/dev/null/log")
    with pytest.raises(UsageError) as caught:
        await run_session(settings, ScriptedFront())
    assert caught.value.code == "PL-LOG-FILE"
    (state / "targets").rename(state / "elsewhere")
    (state / "targets").write_text("a file")
    with pytest.raises(PortLinkerError) as caught_state:
        await run_session(SessionSettings("exec:false"), ScriptedFront())
    assert caught_state.value.code == "PL-STATE-DIR"
    assert not isinstance(caught_state.value, UnreachableError)
