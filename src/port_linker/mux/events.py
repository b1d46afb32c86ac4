"""What the other end of the mux did, as values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union


@dataclass(frozen=True)
class FlowOpened:
    """The other end wants a flow to a service."""

    flow: int
    service: str
    is_udp: bool


@dataclass(frozen=True)
class DataArrived:
    """Bytes of a flow; the view is valid until the next read."""

    flow: int
    data: memoryview


@dataclass(frozen=True)
class FinArrived:
    """The other end will send no more on this flow."""

    flow: int


@dataclass(frozen=True)
class FlowReset:
    """The other end ended the flow at once."""

    flow: int
    reason: str


@dataclass(frozen=True)
class CreditArrived:
    """More may be sent on this flow."""

    flow: int


@dataclass(frozen=True)
class DatagramArrived:
    """One datagram of a UDP flow; the view is valid until the next read."""

    flow: int
    data: memoryview


@dataclass(frozen=True)
class ControlArrived:
    """A control message."""

    message: dict[str, Any]


@dataclass(frozen=True)
class HelloArrived:
    """The first message of a link."""

    message: dict[str, Any]


@dataclass(frozen=True)
class PongArrived:
    """The answer to a ping, with the ping's own clock value."""

    clock: int


@dataclass(frozen=True)
class PacketArrived:
    """One QUIC packet of the path of last resort; the view is valid until the next read."""

    data: memoryview


MuxEvent = Union[
    FlowOpened, DataArrived, FinArrived, FlowReset, CreditArrived,
    DatagramArrived, ControlArrived, HelloArrived, PongArrived, PacketArrived,
]  # fmt: skip
