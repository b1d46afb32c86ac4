"""The doctor at work: a healthy target, and targets that fall silent at each stage."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import pytest

from port_linker.deploy.settings import StepLimits
from port_linker.doctor import checks
from port_linker.doctor.checks import STAGES, Check, Report, State
from port_linker.doctor.main import Patience, examine
from port_linker.doctor.opening import ReachOptions
from port_linker.ssh.target import parse_target
from tests.doctor.mute_agent import mute_python, write_python
from tests.fakes.tunnel import write_fake

LIMITS = StepLimits(login_s=0.5, shell_s=0.5, upload_s=10, attach_s=10)
SHORT = Patience(answer_s=2.0, rate_s=0.3)


async def look(host: str, python: str | None = None, attach_s: float = 10.0) -> Report:
    limits = StepLimits(login_s=5, shell_s=10, upload_s=10, attach_s=attach_s)
    options = ReachOptions(target_python=python, limits=limits, link="stdio")
    return await examine(parse_target(host), options, lambda _check: None, patience=SHORT)


def state_of(report: Report, stage: checks.Stage) -> State:
    return next(check.state for check in report.checks if check.stage is stage)


def failed(report: Report) -> Check:
    """Return the failed check; all before it are well, all behind it were skipped."""
    states = [check.state for check in report.checks]
    place = states.index(State.FAIL)
    assert State.SKIP not in states[:place]
    assert set(states[place + 1 :]) <= {State.SKIP}
    assert [check.stage for check in report.checks] == list(STAGES)
    assert report.exit_code == report.checks[place].exit_code != 0
    assert report.checks[place].hint
    return report.checks[place]


async def test_a_healthy_target_passes_every_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sidecar = write_fake(str(tmp_path))
    monkeypatch.setattr("port_linker.doctor.quic.find_executable", lambda: sidecar)
    monkeypatch.setenv("SSH_CONNECTION", "127.0.0.1 50000 127.0.0.1 22")
    monkeypatch.setattr("port_linker.doctor.quic.find_direct_addresses", here)
    told: list[Check] = []
    options = ReachOptions(allow_self=True)
    began = time.monotonic()
    report = await examine(parse_target("exec:sh"), options, told.append)
    assert time.monotonic() - began < 15
    assert told == report.checks
    assert [check.stage for check in told] == list(STAGES)
    assert {check.state for check in told} == {State.PASS}, told
    assert report.exit_code == 0
    facts = {check.stage: check.facts for check in told}
    assert facts[checks.DOWNLOAD]["bits_per_s"] > 1e6
    assert facts[checks.UPLOAD]["bits_per_s"] > 1e6
    assert facts[checks.ROUND_TRIP]["samples"] == 5
    assert abs(facts[checks.CLOCK]["offset_ms"]) < 1000
    assert facts[checks.DISCOVERY]["source"] == "sock_diag"


async def here(*_: object) -> tuple[str, ...]:
    """What ssh would say of a target on this machine."""
    return ("127.0.0.1",)


async def test_this_very_machine_is_told() -> None:
    check = failed(await look("exec:sh"))
    assert (check.stage, check.code, check.exit_code) == (checks.DISCOVERY, "PL-TARGET-SELF", 6)


async def test_silence_before_the_login() -> None:
    options = ReachOptions(limits=LIMITS)
    report = await examine(parse_target("exec:sleep 60"), options, lambda _: None)
    check = failed(report)
    assert (check.stage, check.code) == (checks.LOGIN, "PL-TARGET-TIMEOUT")
    assert check.took_s is not None
    assert 0.4 < check.took_s < 5


async def test_silence_of_the_shell() -> None:
    host = "exec:" + shlex.join(["sh", "-c", "echo hello; exec sleep 60"])
    report = await examine(parse_target(host), ReachOptions(limits=LIMITS), lambda _: None)
    assert (failed(report).stage, failed(report).code) == (checks.SHELL, "PL-TARGET-TIMEOUT")


async def test_a_command_that_is_not_there() -> None:
    check = failed(await look("exec:no-such-command-anywhere"))
    assert (check.stage, check.code) == (checks.LOGIN, "PL-EXEC-MISSING")


async def test_a_target_without_python() -> None:
    check = failed(await look("exec:sh", python="/no/such/python"))
    assert (check.stage, check.code) == (checks.PYTHON, "PL-TARGET-NO-PYTHON")


async def test_silence_of_python(tmp_path: Path) -> None:
    python = write_python(tmp_path, "exec sleep 60")
    check = failed(await look("exec:sh", python, attach_s=0.3))
    assert (check.stage, check.code) == (checks.AGENT, "PL-TARGET-TIMEOUT")


@pytest.mark.parametrize(
    ("stage", "failing", "code", "said"),
    [
        ("link", checks.LINK, "PL-TARGET-TIMEOUT", "did not answer within 2 s"),
        ("facts", checks.DISCOVERY, "PL-TARGET-TIMEOUT", "this machine hides its sockets"),
        ("malformed", checks.DISCOVERY, "PL-PROTOCOL", "malformed"),
        ("discovery", checks.DISCOVERY, "PL-TARGET-TIMEOUT", "did not answer"),
        ("ping", checks.ROUND_TRIP, "PL-TARGET-TIMEOUT", "did not answer"),
        ("die", checks.DISCOVERY, "PL-LINK-LOST", ""),
    ],
)
async def test_silence_of_the_agent(
    stage: str, failing: checks.Stage, code: str, said: str, tmp_path: Path
) -> None:
    began = time.monotonic()
    report = await look("exec:sh", mute_python(tmp_path, stage))
    assert time.monotonic() - began < 15
    check = failed(report)
    assert (check.stage, check.code) == (failing, code), check
    assert said in check.found


async def test_a_measurement_that_fails_is_no_failure_of_the_target(tmp_path: Path) -> None:
    report = await look("exec:sh", mute_python(tmp_path, "measure"))
    assert not report.has_failed
    assert state_of(report, checks.DOWNLOAD) is State.WARN
    assert state_of(report, checks.UPLOAD) is State.WARN
    assert state_of(report, checks.DISCOVERY) is State.WARN  # /proc/net, nothing pushed
    assert state_of(report, checks.PORTS) is State.PASS


async def test_an_agent_that_answers_all_is_left_by_a_goodbye(tmp_path: Path) -> None:
    report = await look("exec:sh", mute_python(tmp_path, "never"))
    assert not report.has_failed
    assert state_of(report, checks.CLOCK) is State.PASS
