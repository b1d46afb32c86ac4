"""The report: lines for people, one object for scripts, the exit code."""

from __future__ import annotations

import json

from port_linker.doctor import checks
from port_linker.doctor.checks import STAGES, Check, Report, State, fail, format_took
from port_linker.errors import EXIT_AUTH, AuthError, LinkLost, ProtocolError


def a_report(*made: Check, kind: str = "ssh") -> Report:
    return Report("dev1", kind, list(made))


def test_stages_have_names_that_scripts_may_use() -> None:
    assert len({stage.name for stage in STAGES}) == len(STAGES) == 22
    assert all(stage.name.replace("_", "").isalpha() for stage in STAGES)
    assert max(len(stage.title) for stage in STAGES) <= 12


def test_a_check_that_passed_is_one_line() -> None:
    check = Check(checks.ROUND_TRIP, State.PASS, "0.4 ms", 0.0023)
    assert a_report().lines_of(check) == ["pass  round trip    0.4 ms  (2.3 ms)"]


def test_a_failure_has_its_code_and_a_try_line() -> None:
    check = fail(checks.LOGIN, AuthError("dev1 refused the login", "load the key"), 1.25)
    assert a_report().lines_of(check) == [
        "fail  ssh           dev1 refused the login [PL-SSH-AUTH]  (1.25 s)",
        "      Try: load the key",
    ]
    assert a_report(check).exit_code == EXIT_AUTH
    assert a_report(kind="docker").lines_of(check)[0].startswith("fail  docker  ")
    assert fail(checks.LINK, ProtocolError("odd")).hint


def test_hostile_words_stay_in_one_line() -> None:
    check = Check(checks.SHELL, State.PASS, "Linux\n\x1b[2Jready", hint="a\nb")
    lines = a_report().lines_of(check)
    assert len(lines) == 2
    assert "\x1b" not in lines[0]
    assert lines[1] == "      Try: a b"


def test_stages_that_were_not_looked_at_are_skipped() -> None:
    report = a_report(fail(checks.LOGIN, LinkLost("gone")))
    assert report.skipped_lines() == []
    report.checks += report.missing()
    assert [check.stage for check in report.checks] == list(STAGES)
    assert report.missing() == []
    (line,) = report.skipped_lines()
    assert line.startswith("skip  shell, Python, directory")
    assert report.checks[-1].found == checks.NOT_REACHED


def test_the_last_line_says_how_it_stands() -> None:
    good = Check(checks.LOGIN, State.PASS, "x")
    warned = Check(checks.CLOCK, State.WARN, "x")
    bad = fail(checks.LINK, LinkLost("gone"))
    assert a_report(good).summary() == "dev1 can be mirrored; all is well."
    skipped = Check(checks.QUIC_MTU, State.SKIP, "x")
    noted = Check(checks.QUIC_HERE, State.NOTE, "x")
    assert "1 of 2 stages could be better" in a_report(good, warned, skipped).summary()
    assert a_report(good, noted, skipped).summary() == "dev1 can be mirrored; all is well."
    assert "cannot be mirrored yet" in a_report(good, warned, bad).summary()


def test_the_object_for_scripts() -> None:
    bad = fail(checks.LINK, LinkLost("gone", "again"), 0.5)
    report = a_report(Check(checks.LOGIN, State.PASS, "x", facts={"a": 1}), bad)
    value = json.loads(json.dumps(report.to_json("0.1.0", 1.5)))
    assert {key: value[key] for key in value if key != "checks"} == {
        "schema": 1, "version": "0.1.0", "target": "dev1", "ok": False, "exit_code": 3,
        "took_ms": 1500.0,
    }  # fmt: skip
    assert value["checks"][0]["facts"] == {"a": 1}
    assert value["checks"][1] == {
        "name": "link", "state": "fail", "found": "gone", "took_ms": 500.0, "hint": "again",
        "code": "PL-LINK-LOST", "facts": {},
    }  # fmt: skip
    assert a_report().to_json("0.1.0", 0)["ok"] is True
    assert a_report().exit_code == 0


def test_times_are_short() -> None:
    assert [format_took(s) for s in (0.0003, 0.038, 1.25)] == ["0.3 ms", "38 ms", "1.25 s"]
