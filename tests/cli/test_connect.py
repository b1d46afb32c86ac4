"""One session with the front end that fits the streams."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys

import pytest

from port_linker.cli import connect
from port_linker.cli.args import Settings, Surroundings
from port_linker.errors import UsageError
from port_linker.session.frontend import FrontEnd
from port_linker.session.settings import SessionSettings
from port_linker.ui.json_lines import JsonLines
from port_linker.ui.live import LiveScreen
from port_linker.ui.plain import PlainLines
from tests.ui.samples import service

TERMINAL = Surroundings(True, True, True, "xterm-256color")
SETTINGS = Settings("connect", "dev1")


@pytest.mark.parametrize(
    ("settings", "around", "kind"),
    [
        (SETTINGS, TERMINAL, LiveScreen),
        (SETTINGS, Surroundings(), PlainLines),
        (Settings("connect", "dev1", json=True), TERMINAL, JsonLines),
    ],
)
async def test_the_front_end_that_fits(
    settings: Settings, around: Surroundings, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", FakeTerminal())
    front = connect.open_front(settings, around)
    assert type(front) is kind
    front.close()


@pytest.mark.parametrize(("policy", "hints"), [(None, 1), ("ask", 1), ("remap", 0)])
def test_the_hint_about_taken_ports_is_for_who_has_not_chosen(
    policy: str | None, hints: int
) -> None:
    settings = Settings("connect", "dev1", on_conflict=policy)
    config = connect._plain_config(settings, Surroundings())
    assert config.is_policy_set is (hints == 0)


@pytest.mark.parametrize(("link", "demanded"), [("auto", False), ("stdio", False), ("quic", True)])
def test_whether_the_session_ends_without_quic_is_known(link: str, demanded: bool) -> None:
    config = connect._plain_config(Settings("connect", "dev1", link=link), Surroundings())
    assert config.is_quic_demanded is demanded


def test_looking_around_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdin", closed)
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    monkeypatch.setenv("CI", "True")
    around = connect.look_around(SETTINGS)
    assert not around.stdin_is_terminal
    assert not around.stdout_is_terminal
    assert not around.stderr_is_terminal
    assert around.ci
    assert not around.utf8
    assert not around.stdout_coloured


class FakeTerminal(io.StringIO):
    encoding = "UTF-8"

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 99


@pytest.mark.parametrize(("group", "is_terminal"), [(os.getpgrp(), True), (1, False)])
def test_looking_around_on_a_terminal_in_front_and_behind(
    group: int, is_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, FakeTerminal())
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: group)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    around = connect.look_around(SETTINGS)
    assert around.stdin_is_terminal is is_terminal
    assert around.stdout_is_terminal
    assert around.stdout_coloured
    assert around.utf8
    assert not connect.look_around(Settings("connect", "dev1", no_color=True)).stdout_coloured


def test_a_terminal_that_is_not_ours_is_read_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", FakeTerminal())  # its descriptor 99 is not open
    assert not connect.look_around(SETTINGS).stdin_is_terminal


def run_with(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, list[SessionSettings]]:
    """Run a connect whose session shows one service and ends."""
    seen: list[SessionSettings] = []

    async def run_session(planned: SessionSettings, front: FrontEnd) -> int:
        seen.append(planned)
        front.on_event(service())
        await asyncio.sleep(0)
        return 7

    monkeypatch.setattr("port_linker.session.start.run_session", run_session)
    return connect.run_connect(settings), seen


def test_a_session_writes_its_last_line_before_it_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, seen = run_with(Settings("connect", "dev1", json=True), monkeypatch)
    assert code == 7
    assert json.loads(capsys.readouterr().out)["port"] == 5432
    assert seen[0].target == "dev1"
    assert not seen[0].interactive


def test_a_map_is_echoed_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_with(Settings("connect", "dev1", map=("80:8080,53:5353/udp",)), monkeypatch)
    err = capsys.readouterr().err
    assert "remote 80 -> localhost:8080 (tcp)\nremote 53 -> localhost:5353 (udp)\n" in err


@pytest.mark.parametrize(
    "settings",
    [
        Settings("connect", "dev1", only=("99999",)),
        Settings("connect", "dev1", skip=("a/b",)),
        Settings("connect", "dev1", allow=("",)),
        Settings("connect", "dev1", map=("80",)),
        Settings("connect", None),
    ],
)
def test_what_cannot_be_read_ends_before_anything_starts(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError):
        run_with(settings, monkeypatch)
