"""One log per session, for both sides: JSON lines with session, side and fields. Python 3.9.

The host writes files and, with -v, stderr; the agent hands its records to a callback that sends
them over the link (its stdout belongs to frames).
"""

from __future__ import annotations

import datetime
import json
import logging
from typing import Any, Callable, Optional

ROOT = "port_linker"
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "fields", "side"}


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return what was passed as `extra=`, by name."""
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


class JsonFormatter(logging.Formatter):
    """One JSON object per record: at, level, side, session, logger, message, fields, error."""

    def __init__(self, session: str, side: str) -> None:
        super().__init__()
        self._session = session
        self._side = side

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without its end; control characters are escaped by JSON."""
        moment = datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc)
        row: dict[str, Any] = {
            "at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "side": getattr(record, "side", self._side),
            "session": self._session,
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", None) or fields_of(record)
        if fields:
            row["fields"] = fields
        if record.exc_info:
            row["error"] = self.formatException(record.exc_info)
        return json.dumps(row, default=str)


MAX_TEXT_CHARS = 4000  # of a message or a field that travels


def _plain(value: Any) -> Any:
    """Return a value that JSON takes, of bounded length."""
    is_plain = value is None or isinstance(value, (bool, int, float))
    return value if is_plain else str(value)[:MAX_TEXT_CHARS]


class CallbackHandler(logging.Handler):
    """Hands records to a callback as (level, message, fields); never raises."""

    def __init__(self, send: Callable[[str, str, dict[str, Any]], None]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one record over; its traceback, if any, becomes a field."""
        try:
            fields = {key: _plain(value) for key, value in fields_of(record).items()}
            if record.exc_info:
                fields["error"] = logging.Formatter().formatException(record.exc_info)[-2000:]
            self._send(record.levelname.lower(), record.getMessage()[:MAX_TEXT_CHARS], fields)
        except Exception:  # noqa: BLE001 - a log line must not end what it tells of
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Count nothing and print nothing: stderr may be a terminal in use."""


# What each attached handler wants to hear: the most talkative one decides what is made at all.
_levels: dict[logging.Handler, int] = {}


def attach_handler(handler: logging.Handler, level: int = logging.DEBUG) -> logging.Logger:
    """Send everything that the program logs from `level` on to the handler."""
    root = logging.getLogger(ROOT)
    root.addHandler(handler)
    _levels[handler] = level
    root.setLevel(min(_levels.values()))
    root.propagate = False
    return root


def detach_handler(handler: Optional[logging.Handler]) -> None:
    """Undo attach_handler and close the handler."""
    if handler is not None:
        root = logging.getLogger(ROOT)
        root.removeHandler(handler)
        _levels.pop(handler, None)
        root.setLevel(min(_levels.values(), default=logging.NOTSET))
        root.propagate = not root.handlers
        handler.close()
