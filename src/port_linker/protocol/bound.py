"""What the host tells the agent of its bindings. Pure; runs on Python 3.9."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from port_linker.errors import ProtocolError

BATCH_BOUND = 2000  # keys in one message, at most 200 kB
MAX_KEY_CHARS = 100  # "udp/[fe80::…%4294967295]:65535" has 64


@dataclass(frozen=True)
class BoundChanges:
    """Which services the host has bound: what changed since the last such message.

    is_full: what is not in added is not bound.
    """

    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    is_full: bool = False


def encode_bound(changes: BoundChanges) -> list[dict[str, Any]]:
    """Return the messages of the host for one difference, at most BATCH_BOUND services each."""
    rows = [("drop", key) for key in changes.dropped] + [("add", key) for key in changes.added]
    messages: list[dict[str, Any]] = [{"t": "quic-bound", "full": True}] if changes.is_full else []
    for start in range(0, len(rows), BATCH_BOUND):
        if start or not messages:
            messages.append({"t": "quic-bound"})
        for kind, key in rows[start : start + BATCH_BOUND]:
            messages[-1].setdefault(kind, []).append(key)
    return messages


def parse_bound(message: dict[str, Any]) -> Optional[BoundChanges]:
    """Return the changes, None if it is another message.

    Raises ProtocolError if they are not lists of services.
    """
    if message.get("t") != "quic-bound":
        return None
    lists = [message.get(kind, []) for kind in ("add", "drop")]
    if not all(isinstance(keys, list) and all(map(_is_key, keys)) for keys in lists):
        raise ProtocolError("a malformed list of what is bound")
    return BoundChanges(tuple(lists[0]), tuple(lists[1]), message.get("full") is True)


def _is_key(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_KEY_CHARS
