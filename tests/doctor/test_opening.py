"""What a channel says while it opens becomes checks."""

from __future__ import annotations

import pytest

from port_linker.deploy.plan import DeployPlan
from port_linker.deploy.report import PythonFound
from port_linker.deploy.settings import Progress, Stage, StageBegun, StageDone, StderrLine
from port_linker.doctor import checks, opening
from port_linker.doctor.checks import Check, State
from port_linker.doctor.opening import Opening, ReachOptions
from port_linker.errors import TargetError
from port_linker.ssh.target import Target, parse_target

PATH = "/home/a, agent in x/.cache"
PLAN = DeployPlan(PythonFound("/usr/bin/python3", (3, 11, 2)), (PATH, "/tmp"))
SAID = f"Python 3.11.2 at /usr/bin/python3, agent in {PATH}"


async def run(
    monkeypatch: pytest.MonkeyPatch, progress: list[Progress], error: TargetError | None = None
) -> tuple[list[Check], list[str]]:
    async def open_agent_channel(target: Target, settings: object, on_progress: object) -> None:
        for each in progress:
            on_progress(each)  # type: ignore[operator]
        if error is not None:
            raise error

    monkeypatch.setattr(opening, "open_agent_channel", open_agent_channel)
    told: list[Check] = []
    lines: list[str] = []
    await Opening(told.append, lines.append).open(parse_target("dev1"), ReachOptions())
    return told, lines


async def test_every_stage_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told, lines = await run(
        monkeypatch,
        [
            StageBegun(Stage.LOGIN),
            StderrLine("a banner", login=True),
            StageDone(Stage.LOGIN, 0.4, "dev1 answers"),
            StageDone(Stage.SHELL, 0.1, "Linux x86_64, uid 1000"),
            StageDone(Stage.PLAN, 0.0, SAID, PLAN),
            StderrLine("noise", login=False),
            StageDone(Stage.UPLOAD, 0.2, "71 KiB"),
            StageDone(Stage.ATTACH, 0.3, "agent started, pid 7"),
        ],
    )
    assert [check.stage for check in told] == list(checks.STAGES[:5])
    assert {check.state for check in told} == {State.PASS}
    assert told[3].facts["path"] == PATH
    assert told[2].found == "Python 3.11.2 at /usr/bin/python3"
    assert told[4].found == "agent started, pid 7 (71 KiB sent)"
    assert told[4].took_s == pytest.approx(0.5)
    assert lines == ["a banner"]


async def test_an_error_belongs_to_the_stage_that_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    error = TargetError("no Python", "install one", "PL-TARGET-NO-PYTHON")
    told, _ = await run(monkeypatch, [StageBegun(Stage.PLAN)], error)
    (check,) = told
    assert (check.stage, check.state, check.code) == (checks.PYTHON, State.FAIL, error.code)
    assert check.took_s is not None
    assert check.took_s >= 0


@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_of_a_channel_has_its_check(stage: Stage) -> None:
    assert opening._STAGES[stage] in checks.STAGES


async def test_a_plan_without_a_directory_is_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = DeployPlan(PythonFound("/opt/p", (3, 9, 2)), ())
    told, _ = await run(monkeypatch, [StageDone(Stage.PLAN, 0.0, "as it was planned", plan)])
    assert [check.found for check in told][:1] == ["Python 3.9.2 at /opt/p"]
    assert (told[1].state, told[1].facts) == (State.WARN, {"path": None})
