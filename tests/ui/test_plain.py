"""One line per change, on real text streams."""

from __future__ import annotations

import asyncio
import io
import os
from unittest import mock

import pytest

from port_linker.cause import NOT_NAMED
from port_linker.ports.types import ServiceState
from port_linker.session.events import SessionState
from port_linker.ui import plain
from port_linker.ui.format import format_clock
from port_linker.ui.plain import PlainConfig, PlainLines
from tests.ui.samples import AT, EVERY_KIND, HOSTILE, log, question, service, session


async def write(config: PlainConfig, *events: object) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    front = PlainLines(out, err, config)
    for event in events:
        front.on_event(event)  # type: ignore[arg-type]
    front.close()
    return out.getvalue(), err.getvalue()


async def test_changes_on_stdout_and_logs_on_stderr() -> None:
    out, err = await write(PlainConfig(), session(SessionState.UP), log("careful", "warning"))
    time = format_clock(AT)
    assert out == f"{time} dev1 is up\n"
    assert err == f"{time} careful\n"


async def test_what_repeats_is_counted_until_something_else_happens() -> None:
    same = [log("ssh: refused", "warning")] * 5
    _, err = await write(PlainConfig(), *same, session(SessionState.UP), same[0])
    since = f"since {format_clock(AT)})"
    told = ["ssh: refused", f"ssh: refused (2 times {since}", f"ssh: refused (4 times {since}"]
    assert [line[9:] for line in err.splitlines()] == [*told, "ssh: refused"]


async def test_colour_only_where_it_is_allowed() -> None:
    coloured, _ = await write(PlainConfig(coloured=True), service())
    assert coloured.startswith(f"{format_clock(AT)} \x1b[32m●\x1b[0m 5432/tcp")
    out, err = await write(PlainConfig(), *EVERY_KIND)
    assert "\x1b" not in out + err


@pytest.mark.parametrize("ascii_only", [False, True])
async def test_hostile_names_do_not_reach_the_terminal_raw(ascii_only: bool) -> None:
    config = PlainConfig(ascii_only=ascii_only)
    bad = service(process=HOSTILE, reason=HOSTILE, state=ServiceState.SKIPPED, container=HOSTILE)
    out, err = await write(config, bad, log(HOSTILE, "error"))
    for text in (out, err):
        assert text.count("\n") == 1
        assert text.rstrip("\n").replace("\ufffd", "").isprintable()
        text.encode("ascii" if ascii_only else "utf-8")


async def test_long_texts_are_cut() -> None:
    out, _ = await write(PlainConfig(), service(reason="x" * 100_000))
    assert len(out) < 2100


async def test_without_a_terminal_nothing_is_asked() -> None:
    front = PlainLines(io.StringIO(), io.StringIO(), PlainConfig())
    assert not front.interactive
    assert await front.ask(question()) is None
    front.close()


async def test_a_person_is_asked_on_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
    reader, writer = os.pipe()
    out, err = io.StringIO(), io.StringIO()
    front = PlainLines(out, err, PlainConfig(answers=reader))
    assert front.interactive
    os.write(writer, b"r\n")
    assert await asyncio.wait_for(front.ask(question()), 10) == "remap"
    front.close()
    assert out.getvalue() == ""
    assert err.getvalue() == (
        "8080 is held here by node (pid 71). (x kill, r remap, s skip; Enter: skip)\n"
    )
    os.close(reader)
    os.close(writer)


async def test_a_reader_that_leaves_ends_the_session() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        front = PlainLines(stream, io.StringIO(), PlainConfig())
        front.on_event(service())
        await asyncio.wait_for(front.run(mock.Mock()), 10)
        front.close()


def test_after_the_loop_ended_a_lost_reader_is_no_error() -> None:
    async def make() -> PlainLines:
        return PlainLines(io.StringIO(), io.StringIO(), PlainConfig())

    front = asyncio.run(make())
    front._report_left()
    front.close()


async def test_only_is_told_as_one_count(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    front = PlainLines(out, io.StringIO(), PlainConfig())
    monkeypatch.setattr(plain, "COUNT_AFTER_S", 0.0)
    for port in (1, 2):
        reason = "not named in --only 80"
        front.on_event(service(port, ServiceState.SKIPPED, reason=reason, code=NOT_NAMED))
    front.on_event(service(80))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    front.close()
    assert out.getvalue().splitlines()[-1][9:] == "2 services skipped: not named in --only 80"
    assert len(out.getvalue().splitlines()) == 2
