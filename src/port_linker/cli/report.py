"""Errors as people and scripts see them: one sentence, a next step, a code; never a traceback."""

from __future__ import annotations

import logging
import sys
import time
from typing import TextIO

from port_linker.errors import PortLinkerError
from port_linker.model import clean_text

MAX_SENTENCE_CHARS = 1000


def report_error(error: PortLinkerError, target: str | None = None, as_json: bool = False) -> int:
    """Print the error, as an object on stdout too if asked; return its exit code."""
    if as_json:
        _print(sys.stdout, _encode(error, target))
    _print(sys.stderr, f"port-linker: {_one_line(error.message)} [{error.code}]")
    if error.hint:
        _print(sys.stderr, f"Try: {_one_line(error.hint)}")
    return error.exit_code


def report_bug(error: Exception, target: str | None = None, as_json: bool = False) -> int:
    """Log an error that should not be, name the log, return the exit code of internal errors."""
    path = _log_traceback(error)
    where = f"the details are in {path}" if path else "and its details could not be written"
    what = f"internal error ({type(error).__name__}: {error}); {where}"
    return report_error(PortLinkerError(what, "please report it with that file"), target, as_json)


def _encode(error: PortLinkerError, target: str | None) -> str:
    import json

    from port_linker.session.events import format_time

    value = {
        "event": "error",
        "at": format_time(time.time()),
        "target": target,
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "exit_code": error.exit_code,
    }
    return json.dumps(value, separators=(",", ":"))


def _one_line(text: str) -> str:
    return clean_text(" ".join(text.split()), MAX_SENTENCE_CHARS)


def _print(stream: TextIO | None, text: str) -> None:
    """Write one line; a reader that left, or a stream that cannot carry it, is no new error."""
    if stream is None:
        return
    try:
        stream.write(text.encode(stream.encoding or "ascii", "replace").decode(stream.encoding))
        stream.write("\n")
        stream.flush()
    except (OSError, ValueError):
        return


def _log_traceback(error: Exception) -> str | None:
    """Write the traceback to the session's log, or to a file of its own; return the path."""
    logger = logging.getLogger("port_linker")
    for handler in logger.handlers:
        path = getattr(handler, "baseFilename", None)
        if path:
            logger.error("internal error", exc_info=error)
            handler.flush()
            return str(path)
    return _write_crash_file(error)


def _write_crash_file(error: Exception) -> str | None:
    import traceback
    from pathlib import Path

    from port_linker.folders import state_folder

    path = Path(state_folder("crash.log"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text("".join(traceback.format_exception(error)), errors="replace")
    except OSError:
        return None
    return str(path)
