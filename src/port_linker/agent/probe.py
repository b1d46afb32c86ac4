"""Answers the doctor: facts of this machine, and bytes to measure the link by. Python 3.9.

Every answer carries the request's id. Sizes are bounded here, whatever is asked for.
"""

from __future__ import annotations

import resource
from typing import Any, Callable

from port_linker import clock

MAX_MEASURE_BYTES = 1 << 20  # of one request; it stands in memory until it has left
FILL_BYTES = 64 << 10  # in one message, of 256 KiB that a control frame may have

ScanFacts = Callable[[], dict[str, Any]]


def answer_doctor(message: dict[str, Any], read_scan: ScanFacts) -> list[dict[str, Any]]:
    """Return the control messages that answer "probe" and "measure"; nothing for any other.

    read_scan: gives the scanner's own facts.
    """
    kind = message.get("t")
    if kind == "probe":
        return [{"t": "probed", "id": message.get("id"), **_read_limits(), "scan": read_scan()}]
    if kind == "measure":
        return plan_fill(message)
    return []


def plan_fill(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return padding of the size asked for, and the word that it was all."""
    wanted = message.get("bytes")
    left = min(max(0, wanted), MAX_MEASURE_BYTES) if isinstance(wanted, int) else 0
    answers: list[dict[str, Any]] = []
    while left:
        size = min(left, FILL_BYTES)
        answers.append({"t": "padding", "fill": "." * size})
        left -= size
    return [*answers, {"t": "measured", "id": message.get("id")}]


def _read_limits() -> dict[str, Any]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {"wall_s": clock.wall_s(), "descriptors": soft, "most_descriptors": hard}
