"""Who has the lock is known without taking it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from port_linker.session.lock import AlreadyRunning, check_free
from port_linker.session.state_file import StateFile


def test_a_free_target_stays_free(tmp_path: Path) -> None:
    check_free(str(tmp_path / "none"), "dev1-abc", "dev1")
    assert list(tmp_path.iterdir()) == [], "nothing is made"
    state = StateFile(str(tmp_path), "dev1-abc", "dev1")
    state.close()
    check_free(str(tmp_path), "dev1-abc", "dev1")
    StateFile(str(tmp_path), "dev1-abc", "dev1").close()


def test_the_one_who_runs_is_named(tmp_path: Path) -> None:
    state = StateFile(str(tmp_path), "dev1-abc", "dev1")
    state.save(state.agent())
    with pytest.raises(AlreadyRunning, match=rf"\(pid {os.getpid()}\) already links dev1"):
        check_free(str(tmp_path), "dev1-abc", "dev1")
    state.close()
