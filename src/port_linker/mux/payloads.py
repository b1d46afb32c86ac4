"""What stands inside frames: numbers, openings, JSON objects. Pure; runs on Python 3.9."""

from __future__ import annotations

import json
import struct
from typing import Any, NamedTuple

from port_linker.errors import ProtocolError

U32 = struct.Struct(">I")
U64 = struct.Struct(">Q")
_OPEN = struct.Struct(">IIB")  # window for replies, credit taken for granted, flags
_UDP_FLAG = 1


class Opening(NamedTuple):
    """The payload of OPEN. window: bytes of replies; credit: bytes that the opener may send."""

    service: str
    window: int
    credit: int
    is_udp: bool


def encode_opening(opening: Opening) -> bytes:
    """Return the payload."""
    head = _OPEN.pack(opening.window, opening.credit, _UDP_FLAG if opening.is_udp else 0)
    return head + opening.service.encode()


def decode_opening(payload: memoryview) -> Opening:
    """Return the Opening. Raises ProtocolError if it names no service."""
    if len(payload) <= _OPEN.size:
        raise ProtocolError("a flow is opened to no service")
    window, credit, flags = _OPEN.unpack_from(payload)
    service = bytes(payload[_OPEN.size :]).decode("utf-8", "replace")
    return Opening(service, window, credit, bool(flags & _UDP_FLAG))


def decode_number(form: struct.Struct, payload: memoryview) -> int:
    """Return the number. Raises ProtocolError if the payload is not its size."""
    if len(payload) != form.size:
        raise ProtocolError("a number of the wrong size")
    (value,) = form.unpack(payload)
    return int(value)


def encode_json(message: dict[str, Any]) -> bytes:
    """Return compact UTF-8 JSON."""
    return json.dumps(message, separators=(",", ":")).encode()


def decode_json(payload: memoryview) -> dict[str, Any]:
    """Return the object. Raises ProtocolError if it is none."""
    try:
        value = json.loads(bytes(payload))
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a control message is not JSON") from error
    if not isinstance(value, dict):
        raise ProtocolError("a control message is not an object")
    return value
