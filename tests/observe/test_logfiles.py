"""The log files of sessions: private, bounded, pruned, the newest linked."""

from __future__ import annotations

import errno
import logging
import os
import sys
from pathlib import Path

import pytest

from port_linker.observe import logfiles
from port_linker.observe.logfiles import open_session_log, prune_logs, stderr_handler


def record(text: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("port_linker.test", level, __file__, 1, text, (), None)


def test_each_session_has_its_file_and_the_newest_is_linked(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    for session in ("s1", "s2"):
        handler = open_session_log(str(folder), session)
        handler.emit(record(f"of {session}"))
        handler.close()
    assert (folder / "debug.log").readlink() == Path("session-s2.log")
    assert '"message": "of s2"' in (folder / "debug.log").read_text()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_five_files_at_most_and_all_for_their_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logfiles, "MAX_BYTES", 300)
    handler = open_session_log(str(tmp_path), "s1")
    for number in range(30):
        handler.handle(record(f"line {number} " + "x" * 100))
    handler.close()
    files = sorted(path for path in tmp_path.iterdir() if not path.is_symlink())
    assert len(files) == 5
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert "line 29" in (tmp_path / "debug.log").read_text()


def test_a_file_of_the_users_choice(tmp_path: Path) -> None:
    path = tmp_path / "mine.log"
    path.write_text("kept\n")
    handler = open_session_log(str(tmp_path / "unused"), "s1", str(path))
    handler.handle(record("added"))
    handler.close()
    assert path.read_text().startswith("kept\n{")
    assert not (tmp_path / "unused").exists()


def test_a_full_disk_silences_the_log_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = open_session_log(str(tmp_path), "s1")

    def full(_record: logging.LogRecord) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(handler, "shouldRollover", full)
    handler.handle(record("lost"))
    handler.close()
    assert capsys.readouterr().err == ""


def test_logs_of_a_week_ago_leave_and_other_files_stay(tmp_path: Path) -> None:
    now = 10_000_000.0
    for name, age_s in (("session-old.log", 8), ("session-new.log", 6), ("other.log", 9)):
        (tmp_path / name).write_text("")
        at = now - age_s * 86400
        os.utime(tmp_path / name, (at, at))
    prune_logs(str(tmp_path), now)
    assert sorted(os.listdir(tmp_path)) == ["other.log", "session-new.log"]


def test_without_links_the_log_is_there_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "symlink", refuse)
    open_session_log(str(tmp_path), "s1").close()
    assert os.listdir(tmp_path) == ["session-s1.log"]


@pytest.mark.parametrize(("verbosity", "shown"), [(1, ["info"]), (2, ["info", "debug"])])
def test_each_v_shows_more(
    verbosity: int, shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    handler = stderr_handler(verbosity)
    for text, level in (("info", logging.INFO), ("debug", logging.DEBUG)):
        if level >= handler.level:
            handler.handle(record(text, level))
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == shown


def test_what_a_v_user_sees_has_side_and_fields_and_nothing_for_the_terminal_to_obey(
    capsys: pytest.CaptureFixture[str],
) -> None:
    news = record("scan \x1b[31mslow")
    news.side, news.fields = "target", {"took_ms": 80, "name": "a\nb"}
    try:
        raise OSError("no\x07")
    except OSError:
        news.exc_info = sys.exc_info()
    stderr_handler(1).handle(news)
    first, *trace = capsys.readouterr().err.splitlines()
    said = "INFO target port_linker.test: scan \ufffd[31mslow took_ms=80 name=a\ufffdb"
    assert first == said
    assert trace[-1] == "OSError: no\ufffd"
