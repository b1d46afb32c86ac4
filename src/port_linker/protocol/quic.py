"""What host and agent say to each other to introduce their sidecars. Pure; runs on Python 3.9.

    host                                       agent
    quic-start: certificate, port, secret,  →
        connection id, executable, UDP ports
                                             ← quic-need: how much of the executable is there
    quic-part: a piece of it                →  (again, until it is whole)
                                             ← quic-ready: certificate, port, addresses
    quic-life: is what I send acknowledged? → ← and the same of the agent's side
    quic-stop                               →  or ← quic-ended: why

The agent asks only for an executable that it does not have. An attempt has a number; what belongs
to another one is ignored. All of it is hostile until parsed. What is measured: protocol/gauge.py.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any, Optional

from port_linker.agent.lease import LEASE_WITH_FLOWS_S
from port_linker.errors import ProtocolError
from port_linker.model import canonical_host, clean_text

PART_BYTES = 32 * 1024  # of one message; control passes data, so a piece must not take long
PARTS_AHEAD = 4  # pieces under way before the first is acknowledged
MAX_EXECUTABLE_BYTES = 32 * 1024 * 1024
MAX_ADDRESSES = 8
FIRST_PORT, LAST_PORT = 60_000, 61_000  # what admins opened for mosh already
MAX_LEASE_S = 7 * 24 * 3600


@dataclass(frozen=True)
class Executable:
    """The sidecar that the host has. digest: SHA-256 in hex; size: bytes, packed_size: zlib's."""

    digest: str
    size: int
    packed_size: int
    machine: str  # "x86_64", as uname(2) says


@dataclass(frozen=True)
class QuicStart:
    """Start a sidecar and let this host in. The agent sends to where ssh says that the host is.

    port: the host's UDP port. first_port, last_port: the range for the target's.
    lease_s: how long the connection outlives silence.
    """

    attempt: int
    executable: Executable
    fingerprint: str
    port: int
    secret: str = field(repr=False)
    connection_id: str = field(repr=False)
    first_port: int = FIRST_PORT
    last_port: int = LAST_PORT
    lease_s: int = int(LEASE_WITH_FLOWS_S)

    def to_json(self) -> dict[str, Any]:
        """Return the control message."""
        rows = {key: value for key, value in self.__dict__.items() if key != "executable"}
        return {"t": "quic-start", **rows, "executable": dict(self.executable.__dict__)}


@dataclass(frozen=True)
class QuicPart:
    """A piece of the packed executable, from byte `at` on."""

    digest: str
    at: int
    data: bytes = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the control message."""
        text = base64.b64encode(self.data).decode("ascii")
        return {"t": "quic-part", "digest": self.digest, "at": self.at, "data": text}


@dataclass(frozen=True)
class QuicStop:
    """End that attempt, whatever it has come to."""

    attempt: int

    def to_json(self) -> dict[str, Any]:
        """Return the control message."""
        return {"t": "quic-stop", "attempt": self.attempt}


@dataclass(frozen=True)
class QuicLife:
    """Tell the other side, over the stdio link, whether this side's packets lack acknowledgements.

    A path may pass one way only; whoever sends into the void notices it first.
    link: how often ssh has come up, as the host counts. The agent answers with its own, and uses
    the newest number it has, so that the host can tell what was said before an outage.
    """

    attempt: int
    is_quiet: bool
    link: int

    def to_json(self) -> dict[str, Any]:
        """Return the control message."""
        return {"t": "quic-life", **self.__dict__}


@dataclass(frozen=True)
class QuicNeed:
    """The agent has the packed executable up to byte `at`."""

    digest: str
    at: int

    def to_json(self) -> dict[str, Any]:
        """Return the control message."""
        return {"t": "quic-need", "digest": self.digest, "at": self.at}


@dataclass(frozen=True)
class QuicReady:
    """The target's sidecar waits for the host. addresses: where, as the target sees itself."""

    attempt: int
    fingerprint: str
    port: int
    addresses: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the control message."""
        return {"t": "quic-ready", **self.__dict__, "addresses": list(self.addresses)}


@dataclass(frozen=True)
class QuicEnded:
    """No sidecar on the target. is_final: trying again with this agent is of no use."""

    attempt: int
    reason: str
    is_final: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the control message."""
        return {"t": "quic-ended", **self.__dict__}


def parse_from_host(
    message: dict[str, Any],
) -> Optional[QuicStart | QuicPart | QuicStop | QuicLife]:
    """Return what the host says about QUIC, None if it speaks of something else.

    Raises ProtocolError if it is malformed.
    """
    kind = message.get("t")
    try:
        if kind == "quic-start":
            return _parse_start(message)
        if kind == "quic-part":
            at = _count(message["at"], MAX_EXECUTABLE_BYTES)
            data = base64.b64decode(message["data"], validate=True)
            return QuicPart(_hex(message["digest"], 32), at, data)
        if kind == "quic-stop":
            return QuicStop(_count(message["attempt"]))
        if kind == "quic-life":
            return _parse_life(message)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise ProtocolError(f"a malformed {kind}") from error
    return None


def parse_from_agent(
    message: dict[str, Any],
) -> Optional[QuicNeed | QuicReady | QuicEnded | QuicLife]:
    """Return what the agent says about QUIC, None if it speaks of something else.

    Raises ProtocolError if it is malformed.
    """
    kind = message.get("t")
    try:
        if kind == "quic-need":
            at = _count(message["at"], MAX_EXECUTABLE_BYTES)
            return QuicNeed(_hex(message["digest"], 32), at)
        if kind == "quic-ready":
            addresses = tuple(map(_address, message["addresses"][:MAX_ADDRESSES]))
            fingerprint, port = _hex(message["fingerprint"], 32), _port(message["port"])
            return QuicReady(_count(message["attempt"]), fingerprint, port, addresses)
        if kind == "quic-ended":
            reason = _text(message["reason"], 300)
            return QuicEnded(_count(message["attempt"]), reason, message.get("is_final") is True)
        if kind == "quic-life":
            return _parse_life(message)
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"a malformed {kind}") from error
    return None


def _parse_start(message: dict[str, Any]) -> QuicStart:
    row = message["executable"]
    executable = Executable(
        digest=_hex(row["digest"], 32),
        size=_count(row["size"], MAX_EXECUTABLE_BYTES),
        packed_size=_count(row["packed_size"], MAX_EXECUTABLE_BYTES),
        machine=_text(row["machine"], 32),
    )
    return QuicStart(
        attempt=_count(message["attempt"]),
        executable=executable,
        fingerprint=_hex(message["fingerprint"], 32),
        port=_port(message["port"]),
        secret=_hex(message["secret"], 32),
        connection_id=_hex(message["connection_id"], 16),
        first_port=_port(message["first_port"]),
        last_port=_port(message["last_port"]),
        lease_s=_count(message["lease_s"], MAX_LEASE_S),
    )


def _parse_life(message: dict[str, Any]) -> QuicLife:
    attempt, link = _count(message["attempt"]), _count(message["link"])
    return QuicLife(attempt, message["is_quiet"] is True, link)


def _hex(value: Any, size: int) -> str:
    """Return lower-case hex of exactly that many bytes."""
    if not isinstance(value, str) or not re.fullmatch(f"[0-9a-f]{{{2 * size}}}", value):
        raise ValueError("not hex")
    return value


def _count(value: Any, limit: int = 1 << 31) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= limit:
        raise ValueError("not a count")
    return value


def _port(value: Any) -> int:
    if _count(value, 0xFFFF) == 0:
        raise ValueError("not a port")
    return int(value)


def _text(value: Any, limit: int) -> str:
    if not isinstance(value, str):  # not str(value): of nested JSON that takes long, or fails
        raise TypeError("not a text")
    return clean_text(value, limit)


def _address(value: Any) -> str:
    return canonical_host(value if isinstance(value, str) else "")
