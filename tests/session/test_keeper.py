"""The agent that a session remembers."""

from __future__ import annotations

from pathlib import Path

import pytest

from port_linker.session.events import LogEvent, SessionEvent
from port_linker.session.keeper import AgentKeeper
from port_linker.session.reporter import Reporter
from port_linker.session.settings import SessionSettings
from port_linker.session.state_file import StateFile


def make(tmp_path: Path, events: list[SessionEvent], **options: object) -> AgentKeeper:
    state = StateFile(str(tmp_path), "dev1", "dev1")
    settings = SessionSettings("dev1", **options)  # type: ignore[arg-type]
    return AgentKeeper(state, settings, "session-1", Reporter("dev1", events.append))


def test_a_new_agent_is_not_looked_for_at_first_and_then_it_is(tmp_path: Path) -> None:
    keeper = make(tmp_path, [], ssh_options=("Port=2222",), target_python="/usr/bin/python3")
    first, later = keeper.plan_connect(resume=False), keeper.plan_connect(resume=True)
    assert (first.resume, later.resume) == (False, True)
    assert (first.agent_id, first.token) == (later.agent_id, later.token)
    assert first.host_id == "session-1"
    assert first.ssh_options == ("Port=2222",)
    assert first.target_python == "/usr/bin/python3"


@pytest.mark.parametrize(("lease_s", "wanted"), [(43200, (43200.0, 120.0)), (5, (5.0, 5.0))])
def test_the_lease_without_flows_is_never_the_longer_one(
    tmp_path: Path, lease_s: int, wanted: tuple[float, float]
) -> None:
    assert make(tmp_path, [], lease_s=lease_s).plan_connect(resume=False).lease_s == wanted


def test_the_next_run_finds_the_agent_until_it_is_forgotten(tmp_path: Path) -> None:
    state = StateFile(str(tmp_path), "dev1", "dev1")
    keeper = AgentKeeper(state, SessionSettings("dev1"), "s", Reporter("dev1", lambda _: None))
    keeper.save()
    assert state.agent().is_old
    keeper.forget()
    assert not state.agent().is_old


def test_a_full_disk_is_told_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[SessionEvent] = []
    keeper = make(tmp_path, events)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(StateFile, "save", fail)
    monkeypatch.setattr(StateFile, "forget", fail)
    keeper.save()
    keeper.forget()
    (event,) = events
    assert isinstance(event, LogEvent)
    assert "No space left" in event.message
