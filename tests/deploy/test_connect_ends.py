"""open_agent_channel where something ends, talks nonsense or is silent, at every step."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from pathlib import Path

import pytest

from port_linker.deploy import connect
from port_linker.deploy.settings import (
    StepLimits,
)
from port_linker.errors import EXIT_UNREACHABLE, TargetError
from port_linker.ssh.target import parse_target
from tests.deploy.channels import (
    QUICK,
    Open,
    children,
    fail,
    make_settings,
    shell,
)
from tests.deploy.rig import FAKE


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 3", "PL-EXEC-FAILED"),
        ("echo no shell for you >&2; exit 1", "PL-EXEC-FAILED"),
        ("exit 127", "PL-TARGET-NO-SHELL"),
        ("echo only noise", "PL-EXEC-FAILED"),
        ("head -c 3000000 /dev/zero; sleep 9", "PL-TARGET-NO-SHELL"),
        ("kill -9 $$", "PL-EXEC-FAILED"),
        ("exec >&-; exec sleep 0.3", "PL-EXEC-FAILED"),
        ("sleep 9 & exit 4", "PL-EXEC-FAILED"),
    ],
)
async def test_what_is_no_shell_is_one_error(home: Path, script: str, code: str) -> None:
    began = time.monotonic()
    assert (await fail(shell(script))).code == code
    assert time.monotonic() - began < 4.0


BEGIN = "read -r a; while read -r line; do case $line in *nonce=*) n=${line#*nonce=}; n=${n%% *};; "
BEGIN += 'port_linker) break;; esac; done; echo "PL1-STAGE0 $n begin"; '
REPORT = 'echo os=Linux; echo "python=3.11.2 /usr/bin/python3"; '
END = 'echo "PL1-STAGE0 $n end"; '
TAKE = "read -r run; "


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (BEGIN + "exit 1", "PL-EXEC-FAILED"),
        (BEGIN + "cat /dev/urandom", "PL-TARGET-NO-SHELL"),
        (BEGIN + "echo os=Darwin; " + END + "sleep 9", "PL-TARGET-OS"),
        (BEGIN + REPORT + END + "exit 1", "PL-TARGET-CUT"),
        (BEGIN + REPORT + END + TAKE + "exit 1", "PL-TARGET-CUT"),
        (BEGIN + REPORT + END + TAKE + "cat /dev/urandom", "PL-TARGET-NONSENSE"),
        (BEGIN + REPORT + END + TAKE + "echo 'PL1 {}'; sleep 9", "PL-TARGET-NONSENSE"),
        (
            BEGIN + REPORT + END + TAKE + 'echo \'PL1 {"need":"bundle"}\'; exit 1',
            "PL-TARGET-CUT",
        ),
        (
            BEGIN + REPORT + END + TAKE + 'yes \'PL1 {"need":"bundle"}\'; sleep 9',
            "PL-TARGET-ATTACH",
        ),
        (
            BEGIN + REPORT + END + TAKE + 'echo \'PL1 {"error":"new"}\'; sleep 9',
            "PL-TARGET-ATTACH",
        ),
    ],
)
async def test_an_end_or_nonsense_at_each_step_is_one_error(
    home: Path, script: str, code: str
) -> None:
    began = time.monotonic()
    assert (await fail(shell(script))).code == code
    assert time.monotonic() - began < 4.5


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("sleep 9", "PL-TARGET-TIMEOUT"),
        ("echo noise; sleep 9", "PL-TARGET-TIMEOUT"),
        (BEGIN + "sleep 9", "PL-TARGET-TIMEOUT"),
        (BEGIN + REPORT + END + "sleep 9", "PL-TARGET-TIMEOUT"),
        (
            BEGIN + REPORT + END + TAKE + 'echo \'PL1 {"need":"bundle"}\'; sleep 9',
            "PL-TARGET-TIMEOUT",
        ),
    ],
)
async def test_silence_at_each_step_has_an_end(home: Path, script: str, code: str) -> None:
    limits = StepLimits(0.5, 0.5, 0.5, 0.5, 0.5)
    began = time.monotonic()
    assert (await fail(shell(script), make_settings(limits=limits))).code == code
    assert time.monotonic() - began < 4.0


@pytest.mark.parametrize("person", [True, False])
async def test_a_silent_login_waits_for_a_person_only(
    opened: Open, monkeypatch: pytest.MonkeyPatch, person: bool
) -> None:
    monkeypatch.setattr(connect, "can_ask", lambda: person)
    settings = make_settings(limits=dataclasses.replace(QUICK, login_s=0.2))
    silent = shell("sleep 0.6; exec sh")
    if person:
        assert (await opened(silent, settings)).sock.fileno() >= 0
        return
    error = await fail(silent, settings)
    assert error.message.endswith("gave no shell within 0.2 s")
    assert error.exit_code == EXIT_UNREACHABLE


async def test_a_target_that_stops_to_read_ends_the_upload(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = dataclasses.replace(FAKE, data=bytes(16 << 20))
    monkeypatch.setattr(connect, "build_bundle", lambda: big)
    script = BEGIN + REPORT + END + TAKE + 'echo \'PL1 {"need":"bundle"}\'; sleep 9'
    limits = StepLimits(5.0, 5.0, 5.0, 0.2, 5.0)
    error = await fail(shell(script), make_settings(limits=limits))
    assert "stopped to take the agent" in error.message


@pytest.mark.parametrize("script", ["sleep 60", BEGIN + "sleep 60", "exec sh"])
@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.2])
async def test_cancelled_at_any_time_no_child_is_left(
    home: Path, script: str, after_s: float
) -> None:
    before = children()
    settings = make_settings(version=json.dumps({"lease": 0.5}))
    opening = asyncio.ensure_future(connect.open_agent_channel(shell(script), settings))
    await asyncio.wait([opening], timeout=after_s)
    opening.cancel()
    try:
        channel = await opening
    except asyncio.CancelledError:
        pass
    else:
        await channel.close()
    assert children() <= before


async def test_a_wrong_token_is_refused(opened: Open) -> None:
    settings = make_settings()
    await opened(shell("exec sh"), settings)
    error = await fail(shell("exec sh"), dataclasses.replace(settings, resume=True, token="00"))
    assert error.code == "PL-AGENT-REFUSED"


async def test_an_agent_that_does_not_start_is_one_error(home: Path) -> None:
    settings = make_settings(version=json.dumps({"crash": "start"}))
    error = await fail(shell("exec sh"), settings)
    assert isinstance(error, TargetError)
    assert error.code == "PL-AGENT-START"
    assert error.message.endswith("fake crash at start")


async def test_a_missing_program_is_one_error(home: Path) -> None:
    assert (await fail(parse_target("exec:no-such-program"))).code == "PL-EXEC-MISSING"
