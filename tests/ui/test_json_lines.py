"""One JSON object per line."""

from __future__ import annotations

import asyncio
import io
import json
import os
from unittest import mock

from port_linker.ui.json_lines import JsonLines, encode_line
from tests.ui.samples import EVERY_KIND, HOSTILE, question, service


async def test_every_event_is_one_line_with_the_common_keys() -> None:
    stream = io.StringIO()
    front = JsonLines(stream, "dev1")
    for event in EVERY_KIND:
        front.on_event(event)
    front.close()
    objects = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert objects == [event.to_json() for event in EVERY_KIND]
    assert list(objects[0])[:2] == ["event", "schema"]
    assert all({"event", "at", "target"} <= value.keys() for value in objects)
    assert objects[0]["at"] == "2026-11-21T09:30:00.120Z"


def test_what_the_target_sent_cannot_break_out_of_its_line() -> None:
    line = encode_line(service(process=HOSTILE, reason=HOSTILE))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["process"] == HOSTILE


async def test_it_asks_nothing() -> None:
    front = JsonLines(io.StringIO(), "dev1")
    assert not front.interactive
    assert await front.ask(question()) is None
    front.close()


async def test_a_reader_that_leaves_ends_the_session_quietly() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        front = JsonLines(stream, "dev1")
        running = asyncio.ensure_future(front.run(mock.Mock()))
        front.on_event(service())
        assert os.read(reader, 10_000).endswith(b"\n")
        os.close(reader)
        front.on_event(service())
        await asyncio.wait_for(running, 10)
        front.close()


async def test_lost_lines_are_told_as_a_log_event() -> None:
    front = JsonLines(io.StringIO(), "dev1")
    value = json.loads(front._explain_loss(7))
    assert (value["event"], value["target"], value["level"]) == ("log", "dev1", "warning")
    assert value["message"].startswith("7 lines")
    front.close()


def test_a_reader_that_leaves_after_the_loop_ended_is_no_error() -> None:
    async def make() -> JsonLines:
        return JsonLines(io.StringIO(), "dev1")

    front = asyncio.run(make())
    front._report_left()
    front.close()
