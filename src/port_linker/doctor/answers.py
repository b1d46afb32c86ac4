"""What the agent answers to the doctor, parsed; hostile until then. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from port_linker.errors import ProtocolError


@dataclass(frozen=True)
class Probed:
    """Figures of the target. wall_s: its clock when it answered, seconds since 1970.

    most_descriptors: the hard limit of the agent. pushed: whether the kernel tells closed services.
    """

    wall_s: float
    most_descriptors: int
    pushed: bool
    scan_cost_ms: float
    scan_period_ms: int


def parse_probed(message: dict[str, Any]) -> Probed:
    """Return the answer to "probe". Raises ProtocolError if it is malformed."""
    try:
        scan = message["scan"]
        probed = Probed(
            wall_s=_finite(message["wall_s"]),
            most_descriptors=int(message["most_descriptors"]),
            pushed=scan["pushed"] is True,
            scan_cost_ms=_finite(scan["cost_ms"]),
            scan_period_ms=int(scan["period_ms"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ProtocolError("the agent's answer to the doctor is malformed") from error
    return probed


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def fill_bytes(message: dict[str, Any]) -> int:
    """Return how many bytes of padding a message brought."""
    fill = message.get("fill")
    return len(fill) if isinstance(fill, str) else 0


def count_services(message: dict[str, Any]) -> int:
    """Return how many services a "services" message adds."""
    appeared = message.get("appeared")
    return len(appeared) if isinstance(appeared, list) else 0
