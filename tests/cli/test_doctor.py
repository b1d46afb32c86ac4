"""`port-linker doctor HOST` as a person and as a script see it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from port_linker.cli import doctor
from port_linker.cli.args import Settings
from port_linker.doctor.checks import STAGES
from tests.lab.hosts import PROGRAM


def run(*words: str, state: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "XDG_STATE_HOME": str(state)}
    return subprocess.run(
        [PROGRAM, "doctor", *words], capture_output=True, text=True, env=env, timeout=50
    )


def test_people_read_a_line_per_stage_and_what_to_try(tmp_path: Path) -> None:
    done = run("exec:sh", state=tmp_path)
    lines = done.stdout.splitlines()
    assert done.returncode == 6, done
    assert lines[0].startswith("pass  command       exec:sh answers")
    assert "fail  discovery" in done.stdout
    assert "[PL-TARGET-SELF]" in done.stdout
    assert "      Try: name another machine" in done.stdout
    assert lines[-2].startswith("skip  round trip, ")
    assert lines[-1].startswith("exec:sh cannot be mirrored yet")
    assert done.stderr == "looking at exec:sh...\n"


def test_scripts_read_one_object(tmp_path: Path) -> None:
    done = run("exec:no-such-command-here", "--json", state=tmp_path)
    (line,) = done.stdout.splitlines()
    value = json.loads(line)
    assert (done.returncode, value["exit_code"], value["ok"]) == (3, 3, False)
    assert [check["name"] for check in value["checks"]] == [stage.name for stage in STAGES]
    assert value["checks"][0]["code"] == "PL-EXEC-MISSING"


def test_a_host_that_cannot_be_meant_is_an_error_of_usage(tmp_path: Path) -> None:
    assert run("-v", state=tmp_path).returncode == 2
    done = run("exec:'", state=tmp_path)
    assert done.returncode == 2
    assert "PL-USAGE" in done.stderr


def test_the_log_is_kept_and_shown_as_asked(tmp_path: Path) -> None:
    log = tmp_path / "log"
    done = run("exec:sh", "-vv", "--log-file", str(log), state=tmp_path)
    assert done.returncode == 6
    assert log.exists()


@pytest.mark.parametrize(("asks_nobody", "login_s"), [(True, 20.0), (False, 120.0)])
def test_without_a_person_ssh_asks_nothing_and_waits_less(
    asks_nobody: bool, login_s: float
) -> None:
    settings = Settings("doctor", "dev1", ssh_option=("Port=2222",), target_python="/opt/python")
    reach = doctor.plan_reach(settings, asks_nobody)
    assert reach.ssh_options == ("Port=2222", *(["BatchMode=yes"] if asks_nobody else []))
    assert reach.target_python == "/opt/python"
    assert reach.limits.login_s == login_s
    assert not reach.allow_self


def test_which_link_is_looked_at() -> None:
    plain = doctor.plan_reach(Settings("doctor", "dev1"), True)
    assert (plain.link, plain.udp_ports) == ("auto", (60000, 61000))
    asked = doctor.plan_reach(Settings("doctor", "dev1", link="quic", udp_port="60007"), True)
    assert (asked.link, asked.udp_ports) == ("quic", (60007, 60007))


def test_what_ssh_says_goes_to_stderr_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    doctor._show_line("a banner\x1b[2J")
    assert capsys.readouterr().err == "a banner\ufffd[2J\n"
