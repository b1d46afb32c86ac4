"""Errors as people and scripts see them."""

from __future__ import annotations

import io
import json
import logging
import sys
from pathlib import Path

import jsonschema
import pytest

from port_linker.cli.report import report_bug, report_error
from port_linker.errors import AuthError, PortLinkerError
from tests.ui.samples import HOSTILE

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/events.schema.json").read_text())


def test_one_sentence_a_next_step_and_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    error = AuthError("dev1 refused the login", "ssh dev1", "PL-SSH-AUTH")
    assert report_error(error, "dev1") == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "port-linker: dev1 refused the login [PL-SSH-AUTH]\nTry: ssh dev1\n"


def test_in_json_mode_the_error_is_an_object_too(capsys: pytest.CaptureFixture[str]) -> None:
    report_error(AuthError("no"), "dev1", as_json=True)
    out, err = capsys.readouterr()
    value = json.loads(out)
    jsonschema.Draft202012Validator(SCHEMA).validate(value)
    assert (value["event"], value["code"], value["exit_code"]) == ("error", "PL-SSH-AUTH", 4)
    assert "[PL-SSH-AUTH]" in err


def test_hostile_words_and_lines_are_one_clean_line(capsys: pytest.CaptureFixture[str]) -> None:
    report_error(PortLinkerError(HOSTILE, HOSTILE))
    err = capsys.readouterr().err
    assert err.count("\n") == 2
    assert err.replace("\n", "").replace("\ufffd", "").isprintable()


def test_a_lost_or_narrow_stream_is_no_new_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (None, open_closed(), io.TextIOWrapper(io.BytesIO(), "ascii")):
        monkeypatch.setattr(sys, "stderr", stream)
        assert report_error(PortLinkerError("häuser")) == 1


def open_closed() -> io.TextIOWrapper:
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8")
    stream.close()
    return stream


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "port-linker"


def fail() -> Exception:
    try:
        raise RuntimeError("oh no")
    except RuntimeError as error:
        return error


def test_a_bug_names_a_file_that_holds_the_traceback(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report_bug(fail()) == 1
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert f"RuntimeError: oh no); the details are in {state}/crash.log [PL-INTERNAL]" in err
    assert "Traceback" in (state / "crash.log").read_text()


def test_a_bug_goes_to_the_session_s_log_if_there_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = logging.FileHandler(tmp_path / "session.log")
    logger = logging.getLogger("port_linker")
    logger.addHandler(handler)
    try:
        report_bug(fail())
    finally:
        logger.removeHandler(handler)
        handler.close()
    assert f"the details are in {tmp_path}/session.log" in capsys.readouterr().err
    assert "Traceback" in (tmp_path / "session.log").read_text()


def test_a_bug_without_any_place_for_its_details(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state.write_text("a file where a folder should be")
    report_bug(fail())
    assert "could not be written" in capsys.readouterr().err
