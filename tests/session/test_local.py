"""What a session knows of this machine: rules, its own identity, its log."""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from port_linker.agent.facts import read_facts
from port_linker.errors import EXIT_USAGE, PortLinkerError, UsageError
from port_linker.observe.logs import ROOT
from port_linker.ports.os.peer import check_own_user
from port_linker.ports.os.remaps import read_remaps
from port_linker.session.binder import Binder
from port_linker.session.local import check_not_self, log_to_file, make_binder
from port_linker.session.settings import SessionSettings
from port_linker.ssh.target import parse_target

SETTINGS = SessionSettings("dev1")


def test_this_machine_is_known_by_its_boot_and_its_network() -> None:
    here = read_facts("")
    error = check_not_self(SETTINGS, "dev1", here)
    assert error is not None
    assert error.code == "PL-TARGET-SELF"
    assert check_not_self(SessionSettings("dev1", allow_self=True), "dev1", here) is None
    changes: list[dict[str, Any]] = [
        {"boot_id": "another"}, {"netns": "net:[1]"}, {"boot_id": "", "netns": ""},
    ]  # fmt: skip
    for change in changes:
        assert check_not_self(SETTINGS, "dev1", dataclasses.replace(here, **change)) is None


def make(settings: SessionSettings, **link: Any) -> Binder:
    return make_binder(settings, parse_target("dev1"), *[None] * 3, **link)  # type: ignore[arg-type]


async def test_peers_are_checked_and_ports_kept_only_if_asked_for() -> None:
    plain = make(SETTINGS)._ports
    assert (plain._peer_check, plain._shelf) == (None, None)
    asked = make(SessionSettings("dev1", own_user_only=True, hold=True))._ports
    assert asked._peer_check is check_own_user
    assert asked._shelf is not None


async def test_a_rule_that_is_none_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        make(SessionSettings("dev1", only=("99999",)))


async def test_chosen_ports_are_remembered_per_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    make(SETTINGS)._save_remaps({"tcp/127.0.0.1:80": 8080})
    assert read_remaps(parse_target("dev1").key) == {"tcp/127.0.0.1:80": 8080}


def test_the_log_is_written_while_the_session_runs_and_let_go_after(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger(ROOT)
    before = list(root.handlers)
    settings = SessionSettings("dev1", verbosity=1, log_to_stderr=True)
    with log_to_file(str(tmp_path), "s1", settings):
        logging.getLogger("port_linker.test").info("within", extra={"port": 80})
        logging.getLogger("port_linker.test").debug("detail")
    logging.getLogger("port_linker.test").info("after")
    rows = [json.loads(line) for line in (tmp_path / "debug.log").read_text().splitlines()]
    assert [(row["message"], row["session"]) for row in rows] == [
        ("within", "s1"),
        ("detail", "s1"),
    ]
    assert capsys.readouterr().err == "INFO host port_linker.test: within port=80\n"
    assert root.handlers == before


def test_a_log_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    settings = SessionSettings("dev1", log_file=str(tmp_path / "missing" / "log"))
    with pytest.raises(PortLinkerError) as caught, log_to_file(str(tmp_path), "s1", settings):
        pytest.fail("it began without its log")
    assert (caught.value.code, caught.value.exit_code) == ("PL-LOG-FILE", EXIT_USAGE)
    assert f"the log {settings.log_file} cannot be written: " in caught.value.message
