"""QUIC as the doctor sees it: what keeps it from coming up, each with its words."""

from __future__ import annotations

from pathlib import Path

import pytest

from port_linker.doctor import checks, flow
from port_linker.doctor import quic as doctor_quic
from port_linker.doctor.checks import Check, Report, State
from port_linker.doctor.main import examine
from port_linker.doctor.opening import ReachOptions
from port_linker.link.find import TunnelMissing
from port_linker.protocol import gauge
from port_linker.ssh.target import parse_target
from tests.fakes.tunnel import write_fake


class Here:
    """A target that is this machine, reached without ssh, and the fake sidecar on both sides."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, monkeypatch
        self.direct: tuple[str, ...] = ("127.0.0.1",)
        monkeypatch.setenv("SSH_CONNECTION", "127.0.0.1 50000 127.0.0.1 22")
        monkeypatch.setattr(doctor_quic, "find_direct_addresses", self.find)
        self.misbehave("")

    async def find(self, *_: object) -> tuple[str, ...]:
        return self.direct

    def misbehave(self, how: str) -> None:
        path = write_fake(str(self.folder), how)
        self.patch.setattr(doctor_quic, "find_executable", lambda: path)

    async def look(self, link: str = "auto") -> Report:
        options = ReachOptions(allow_self=True, link=link)
        report = await examine(parse_target("exec:sh"), options, lambda _check: None)
        assert [check.stage for check in report.checks] == list(checks.STAGES)
        return report


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    return Here(tmp_path, monkeypatch)


def check_of(report: Report, stage: checks.Stage) -> Check:
    return next(check for check in report.checks if check.stage is stage)


def last_seen(report: Report) -> Check:
    """Return the check that ended it; all behind it were skipped."""
    seen = [check for check in report.checks if check.state is not State.SKIP]
    assert report.checks[: len(seen)] == seen
    return seen[-1]


async def test_all_of_it_is_measured(here: Here) -> None:
    report = await here.look("quic")
    facts = {check.stage: check.facts for check in report.checks}
    assert facts[checks.QUIC_PATH]["address"].startswith("127.0.0.1:")
    assert facts[checks.QUIC_ROUND_TRIP]["samples"] == doctor_quic.PINGS
    assert facts[checks.QUIC_DOWNLOAD]["bytes"] == gauge.MOST_BYTES
    assert facts[checks.QUIC_UPLOAD]["bytes"] >= gauge.MOST_BYTES
    assert facts[checks.QUIC_LOSS] == {"to_target_percent": 1.0, "from_target_percent": 0.0}
    assert facts[checks.QUIC_MTU] == {"bytes": 1472}
    assert {check.state for check in report.checks} == {State.PASS}


async def test_a_user_who_wants_stdio_waits_for_nothing(here: Here) -> None:
    end = last_seen(await here.look("stdio"))
    assert (end.stage, end.state) == (checks.QUIC_HERE, State.NOTE)


async def test_without_the_wheel_it_says_what_to_install(here: Here) -> None:
    def find() -> str:
        raise TunnelMissing("not installed")

    here.patch.setattr(doctor_quic, "find_executable", find)
    report = await here.look()
    end = last_seen(report)
    assert (end.stage, end.state, report.exit_code) == (checks.QUIC_HERE, State.WARN, 0)
    assert end.found == "the sidecar is not installed here; everything goes over ssh"
    asked = await here.look("quic")
    assert last_seen(asked).code == "PL-LINK-NO-TUNNEL"
    assert asked.exit_code == 3


async def test_a_target_that_ssh_did_not_reach_is_told_as_it_is(here: Here) -> None:
    here.patch.delenv("SSH_CONNECTION")
    end = last_seen(await here.look())
    assert (end.stage, end.state) == (checks.QUIC_THERE, State.NOTE)
    assert "not reached by ssh" in end.found


async def test_silence_over_udp(here: Here) -> None:
    here.misbehave("unreachable")
    end = last_seen(await here.look())
    assert (end.stage, end.state) == (checks.QUIC_PATH, State.WARN)
    assert "60000-61000/udp" in (end.hint or "")
    here.direct = ()
    assert last_seen(await here.look()).state is State.NOTE


@pytest.mark.parametrize("how", ["no-port", "panics", "old"])
async def test_a_sidecar_that_does_not_start(here: Here, how: str) -> None:
    here.misbehave(how)
    end = last_seen(await here.look())
    assert (end.stage, end.state) == (checks.QUIC_THERE, State.WARN)
    assert end.hint


async def test_an_executable_that_is_none(here: Here) -> None:
    bad = here.folder / "not-a-program"
    bad.write_text("no")
    here.patch.setattr(doctor_quic, "find_executable", lambda: str(bad))
    end = last_seen(await here.look())
    assert (end.stage, end.state) == (checks.QUIC_THERE, State.WARN)


async def test_a_target_that_takes_too_long(here: Here) -> None:
    here.misbehave("mute")
    here.patch.setattr(doctor_quic, "PREPARE_S", 0.2)
    end = last_seen(await here.look())
    assert "was not there within 0.2 s" in end.found


async def test_a_figure_that_cannot_be_had_is_missing_and_no_more(here: Here) -> None:
    here.misbehave("refuses")
    report = await here.look("quic")
    assert report.exit_code == 0
    for stage in (checks.QUIC_ROUND_TRIP, checks.QUIC_DOWNLOAD, checks.QUIC_UPLOAD):
        check = check_of(report, stage)
        assert check.state is State.WARN
        assert check.found == f"not measured: {flow.NOT_OPEN}"
    assert check_of(report, checks.QUIC_MTU).state is State.PASS
