"""One log for both sides: lines of JSON, and records that travel."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from port_linker.observe.logs import (
    MAX_TEXT_CHARS,
    ROOT,
    CallbackHandler,
    JsonFormatter,
    attach_handler,
    detach_handler,
)

LOGGER = logging.getLogger(f"{ROOT}.test")


class Kept(logging.Handler):
    """Keeps what a formatter makes of each record."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter("s1", "host"))
        self.rows: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        assert "\n" not in text
        self.rows.append(json.loads(text))


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler = Kept()
    attach_handler(handler)
    yield handler
    detach_handler(handler)


def test_a_line_has_its_session_its_side_and_its_fields(kept: Kept) -> None:
    LOGGER.warning("the port %s\n\x1b[2J", 80, extra={"port": 80, "odd": object})
    (row,) = kept.rows
    assert row["at"].endswith("Z")
    assert (row["level"], row["side"], row["session"]) == ("warning", "host", "s1")
    assert (row["logger"], row["message"]) == ("port_linker.test", "the port 80\n\x1b[2J")
    assert row["fields"]["port"] == 80
    assert "class 'object'" in row["fields"]["odd"]


def test_a_line_of_the_agent_keeps_its_side_and_fields(kept: Kept) -> None:
    LOGGER.info("there", extra={"side": "agent", "fields": {"pid": 7}})
    (row,) = kept.rows
    assert (row["side"], row["fields"]) == ("agent", {"pid": 7})


def test_an_error_stands_in_its_line(kept: Kept) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        LOGGER.exception("it failed")
    assert "ValueError: broken" in kept.rows[0]["error"]
    assert "fields" not in kept.rows[0]


def travelled(send: Any) -> CallbackHandler:
    handler = CallbackHandler(send)
    attach_handler(handler, logging.INFO)
    return handler


def test_records_travel_as_plain_values_of_bounded_length() -> None:
    sent: list[tuple[str, str, dict[str, Any]]] = []
    handler = travelled(lambda *row: sent.append(row))
    try:
        raise ValueError("x" * 10_000)
    except ValueError:
        LOGGER.exception("y" * 10_000, extra={"n": 1, "b": b"bytes", "none": None, "f": 0.5})
    detach_handler(handler)
    ((level, message, fields),) = sent
    json.dumps(fields)
    assert level == "error"
    assert len(message) == MAX_TEXT_CHARS
    assert len(fields["error"]) == 2000
    assert (fields["n"], fields["b"], fields["none"], fields["f"]) == (1, "b'bytes'", None, 0.5)


def test_a_log_line_never_ends_what_it_tells_of(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no way to send")

    handler = travelled(fail)
    LOGGER.warning("it goes on")
    detach_handler(handler)
    assert capsys.readouterr().err == ""


def test_what_is_detached_is_closed_and_hears_no_more() -> None:
    root = logging.getLogger(ROOT)
    before = list(root.handlers)
    handler = Kept()
    assert attach_handler(handler) is root
    assert not root.propagate
    detach_handler(handler)
    detach_handler(None)
    LOGGER.warning("nobody hears")
    assert handler.rows == []
    assert root.handlers == before
    assert root.propagate == (not before)


def test_the_level_of_one_reader_is_not_left_to_the_next() -> None:
    root = logging.getLogger(ROOT)
    before = root.level
    detailed, brief = Kept(), Kept()
    attach_handler(brief, logging.INFO)
    attach_handler(detailed)
    assert root.level == logging.DEBUG
    detach_handler(detailed)
    assert root.level == logging.INFO
    detach_handler(brief)
    assert root.level == before
