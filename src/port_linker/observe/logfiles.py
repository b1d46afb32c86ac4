"""The log files of sessions: one each, bounded, pruned, the newest linked. I/O, host only."""

from __future__ import annotations

import contextlib
import io
import logging
import logging.handlers
import os
import sys
import time
from typing import cast

from port_linker.model import clean_text
from port_linker.observe.logs import JsonFormatter, fields_of

MAX_BYTES = 2 * 1024 * 1024
BACKUPS = 4  # five files of one session at most
KEEP_S = 7 * 24 * 3600.0
LINK = "debug.log"
MAX_LINE_CHARS = 4000  # of one record on stderr


def open_session_log(folder: str, session: str, path: str | None = None) -> logging.Handler:
    """Return the handler of this session's file, 0600.

    folder: where the files and the link to the newest stand; path: a file of the user's choice.
    Raises OSError if the file cannot be made.
    """
    if path is None:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        prune_logs(folder, time.time())
        path = os.path.join(folder, f"session-{session}.log")
        _link_newest(folder, os.path.basename(path))
    handler = SessionLogHandler(path, maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8")
    handler.setFormatter(JsonFormatter(session, "host"))
    return handler


class SessionLogHandler(logging.handlers.RotatingFileHandler):
    """A bounded file, 0600 after each rotation too, that a full disk silences and no more."""

    def _open(self) -> io.TextIOWrapper:
        def open_private(path: str, flags: int) -> int:
            return os.open(path, flags, 0o600)

        stream = open(  # noqa: SIM115 - the handler closes it
            self.baseFilename, self.mode, encoding=self.encoding, opener=open_private
        )
        return cast(io.TextIOWrapper, stream)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Print nothing: stderr may be a terminal in use."""


def stderr_handler(verbosity: int) -> logging.Handler:
    """Return what a -v user sees: warnings and news, with -vv everything."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.INFO if verbosity == 1 else logging.DEBUG)
    handler.setFormatter(TerminalFormatter())
    return handler


class TerminalFormatter(logging.Formatter):
    """What the log's line says, for a person: level, side, place, message, fields.

    What the target wrote may hold anything: no control character reaches the terminal.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback follows, line by line."""
        side = getattr(record, "side", "host")
        fields = getattr(record, "fields", None) or fields_of(record)
        told = "".join(f" {name}={value}" for name, value in fields.items())
        text = f"{record.levelname} {side} {record.name}: {record.getMessage()}{told}"
        lines = [
            text,
            *(self.formatException(record.exc_info) if record.exc_info else "").split("\n"),
        ]
        return "\n".join(clean_text(line, MAX_LINE_CHARS) for line in lines if line)


def prune_logs(folder: str, now: float) -> None:
    """Remove the logs of sessions that ended a week ago."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.startswith("session-"):
            with contextlib.suppress(OSError):
                if now - os.lstat(path).st_mtime > KEEP_S:
                    os.unlink(path)


def _link_newest(folder: str, name: str) -> None:
    link = os.path.join(folder, LINK)
    fresh = f"{link}.{os.getpid()}"
    with contextlib.suppress(OSError):  # a file system without links: the log itself is there
        os.symlink(name, fresh)
        os.replace(fresh, link)
