"""The user's folders follow the XDG base directories."""

from __future__ import annotations

import pytest

from port_linker.folders import cache_folder, state_folder


def test_they_are_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/s")
    monkeypatch.setenv("XDG_CACHE_HOME", "/c")
    assert state_folder() == "/s/port-linker"
    assert state_folder("targets", "x") == "/s/port-linker/targets/x"
    assert cache_folder("bundles") == "/c/port-linker/bundles"
