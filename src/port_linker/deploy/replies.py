"""The attacher's lines, parsed. Pure; the bytes are hostile until parsed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from port_linker.errors import ProtocolError
from port_linker.model import clean_text

PREFIX = "PL1 "
MAX_NOISE_BYTES = 64 << 10  # what may stand before an answer on stdout
MAX_DETAIL_CHARS = 300


@dataclass(frozen=True)
class BundleNeeded:
    """The target does not hold the bundle; the host sends it."""


@dataclass(frozen=True)
class AgentAttached:
    """The agent has the channel. how: "started", "resumed" or, on stderr, "restarted".

    sync: of a restarted agent: what its link begins with, 16 bytes.
    """

    how: str
    pid: int
    sync: bytes = b""


@dataclass(frozen=True)
class AttachFailed:
    """The attacher gave up."""

    code: str
    detail: str


Reply = BundleNeeded | AgentAttached | AttachFailed


def parse_reply(line: str) -> Reply | None:
    """Return what a line of the attacher says, None for a line that is not one.

    Raises ProtocolError for a line that claims to be one and makes no sense.
    """
    if not line.startswith(PREFIX):
        return None
    try:
        message = json.loads(line[len(PREFIX) :])
    except (ValueError, RecursionError) as error:
        raise _nonsense(line) from error
    reply = _read_reply(message) if isinstance(message, dict) else None
    if reply is None:
        raise _nonsense(line)
    return reply


def _read_reply(message: dict[str, Any]) -> Reply | None:
    if message.get("need") == "bundle":
        return BundleNeeded()
    if isinstance(message.get("error"), str):
        detail = clean_text(str(message.get("detail", "")), MAX_DETAIL_CHARS)
        return AttachFailed(clean_text(message["error"], 40), detail)
    how, pid, sync = message.get("agent"), message.get("pid"), message.get("sync", "")
    if how not in ("started", "resumed", "restarted") or not isinstance(pid, int):
        return None
    if not isinstance(sync, str) or not re.fullmatch(r"(?:[0-9a-f]{32})?", sync):
        return None
    if how == "restarted" and not sync:
        return None
    return AgentAttached(how, pid, bytes.fromhex(sync))


def _nonsense(line: str) -> ProtocolError:
    return ProtocolError(
        f"the target answered what makes no sense: {clean_text(line, 80)}",
        "see whether a start file there prints after the login; the log has more",
        "PL-TARGET-NONSENSE",
    )


class ReplyReader:
    """Finds the attacher's lines in what stands on stdout; other lines are skipped, bounded."""

    def __init__(self) -> None:
        self._buffer = b""
        self._skipped_bytes = 0

    def feed(self, data: bytes) -> list[Reply]:
        """Return the replies that data completes. Raises ProtocolError (see parse_reply)."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        replies = []
        for line in lines:
            reply = parse_reply(line.decode("utf-8", "replace").rstrip("\r"))
            if reply is None:
                self._skipped_bytes += len(line) + 1
            else:
                replies.append(reply)
        if self._skipped_bytes + len(self._buffer) > MAX_NOISE_BYTES:
            raise _nonsense(self._buffer[:80].decode("utf-8", "replace"))
        return replies
