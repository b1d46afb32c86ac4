"""The user's folders follow the XDG base directories."""

from __future__ import annotations

import platformdirs
import pytest

from port_linker.folders import NAME, cache_folder, state_folder


@pytest.mark.parametrize(("home", "chosen"), [("/h", ""), ("/h", "/s"), ("/h", "s"), ("/h", None)])
def test_the_short_way_says_what_platformdirs_says(
    monkeypatch: pytest.MonkeyPatch, home: str, chosen: str | None
) -> None:
    monkeypatch.setenv("HOME", home)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    if chosen is not None:
        monkeypatch.setenv("XDG_STATE_HOME", chosen)
    assert state_folder() == platformdirs.user_state_dir(NAME)


def test_they_are_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/s")
    monkeypatch.setenv("XDG_CACHE_HOME", "/c")
    assert state_folder() == "/s/port-linker"
    assert state_folder("targets", "x") == "/s/port-linker/targets/x"
    assert cache_folder("bundles") == "/c/port-linker/bundles"
