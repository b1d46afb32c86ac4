"""Plain numbers that the rooms add to and the display reads. Pure; runs on Python 3.9."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Traffic:
    """What one service carried so far, in bytes as the local side sees them."""

    up_bytes: int = 0  # from the host to the target
    down_bytes: int = 0  # from the target to the host
    flows_open: int = 0
    flows_total: int = 0
    refused: int = 0  # flows that the target or an outage refused
    datagrams_dropped: int = 0
