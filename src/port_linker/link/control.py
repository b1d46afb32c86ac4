"""What we ask of a sidecar, one JSON object a line. Pure; runs on Python 3.9.

Documented in docs/tunnel.md. The other half is control.rs; the tests of both parse the lines of
crates/tunnel/tests/control_samples.jsonl, so that neither drifts. The answers stand in reports.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Mapping, Optional, Union  # noqa: UP035 - Python 3.9

from port_linker.agent.lease import LEASE_WITH_FLOWS_S
from port_linker.errors import ProtocolError

VERSION = 2  # the first line each way says it
MAX_LINE_BYTES = 2 * 1024 * 1024  # a table of 8,192 services with two IPv6 addresses each

ROLE_HOST = "host"
ROLE_TARGET = "target"
DOOR = "door"  # what a flow to the agent's own door names; no service's key is like it


@dataclass(frozen=True)
class Hello:
    """The first line."""

    v: int = VERSION

    def to_json(self) -> dict[str, Any]:
        """Return the object of the line."""
        return {"cmd": "hello", "v": self.v}


@dataclass(frozen=True)
class Start:
    """Open the UDP port and make a certificate. Answered by Listening.

    bind: the address that ssh arrived at; only a target has one.
    """

    role: str
    bind: Optional[str] = None
    first_port: Optional[int] = None
    last_port: Optional[int] = None
    congestion: Optional[str] = None

    def to_json(self) -> dict[str, Any]:
        """Return the object of the line; what is not set is left to the sidecar."""
        rows = {
            "bind": self.bind,
            "first_port": self.first_port,
            "last_port": self.last_port,
            "congestion": self.congestion,
        }
        given = {key: value for key, value in rows.items() if value is not None}
        return {"cmd": "start", "role": self.role, **given}


@dataclass(frozen=True)
class Peer:
    """Connect to the target, or let the host in. A host is answered by Connected or Failed.

    fingerprint, secret: 32 bytes in hex. connection_id: 16. addresses: "192.0.2.7:60001".
    """

    fingerprint: str
    secret: str = field(repr=False)  # never in a log
    connection_id: str = field(repr=False)
    addresses: tuple[str, ...] = ()
    lease_s: int = int(LEASE_WITH_FLOWS_S)

    def to_json(self) -> dict[str, Any]:
        """Return the object of the line."""
        return {
            "cmd": "peer",
            "fingerprint": self.fingerprint,
            "secret": self.secret,
            "connection_id": self.connection_id,
            "addresses": list(self.addresses),
            "lease_s": self.lease_s,
        }


@dataclass(frozen=True)
class Adopt:
    """Carry a binding's connections or datagrams. One descriptor. Answered by Adopted.

    own_user: refuse those of other users of this machine.
    """

    binding: int
    service: str
    own_user: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the object of the line."""
        row = {"cmd": "adopt", "binding": self.binding, "service": self.service, "fds": 1}
        return {**row, "own_user": True} if self.own_user else row


@dataclass(frozen=True)
class Release:
    """Take no new ones; open flows go on. Answered by Released."""

    binding: int

    def to_json(self) -> dict[str, Any]:
        """Return the object of the line."""
        return {"cmd": "release", "binding": self.binding}


@dataclass(frozen=True)
class Services:
    """Target: what may be dialled, whole: addresses by service key.

    owners: whose socket each was, by uid; one that is another user's by now is not dialled. What
    is not named may be anybody's.
    """

    table: Mapping[str, tuple[str, ...]]
    owners: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the object of the line."""
        table = {key: list(row) for key, row in self.table.items()}
        return {"cmd": "services", "table": table, "owners": dict(self.owners)}


@dataclass(frozen=True)
class Door:
    """Target: where the agent itself is entered: a path, or "@name" of an abstract socket."""

    address: str

    def to_json(self) -> dict[str, Any]:
        """Return the object of the line."""
        return {"cmd": "door", "address": self.address}


@dataclass(frozen=True)
class Enter:
    """Host: carry a stream to the agent's door. One descriptor."""

    def to_json(self) -> dict[str, Any]:
        """Return the object of the line."""
        return {"cmd": "enter", "fds": 1}


@dataclass(frozen=True)
class ResetFlows:
    """Reset the flows of one service, or all."""

    service: Optional[str] = None

    def to_json(self) -> dict[str, Any]:
        """Return the object of the line."""
        named = {} if self.service is None else {"service": self.service}
        return {"cmd": "reset_flows", **named}


@dataclass(frozen=True)
class Rebind:
    """Host: go on with a new UDP socket, at once."""

    def to_json(self) -> dict[str, Any]:
        """Return the object of the line."""
        return {"cmd": "rebind"}


@dataclass(frozen=True)
class Path:
    """Attach the path of last resort (one descriptor), or take it away."""

    is_attached: bool

    def to_json(self) -> dict[str, Any]:
        """Return the object of the line."""
        return {"cmd": "path", "fds": int(self.is_attached)}


@dataclass(frozen=True)
class PeerQuiet:
    """Pass on what the peer's side says: whether its packets lack acknowledgements."""

    is_quiet: bool

    def to_json(self) -> dict[str, Any]:
        """Return the object of the line."""
        return {"cmd": "peer_quiet", "is_quiet": self.is_quiet}


@dataclass(frozen=True)
class AskStats:
    """Answered by Stats."""

    def to_json(self) -> dict[str, Any]:
        """Return the object of the line."""
        return {"cmd": "stats"}


@dataclass(frozen=True)
class Shutdown:
    """End the connection and the process."""

    def to_json(self) -> dict[str, Any]:
        """Return the object of the line."""
        return {"cmd": "shutdown"}


Command = Union[
    Hello, Start, Peer, Adopt, Release, Services, Door, Enter, ResetFlows, Rebind, Path, PeerQuiet,
    AskStats, Shutdown,
]  # fmt: skip


def encode_command(command: Command, number: Optional[int] = None) -> bytes:
    """Return the line, its end included; number: what its answer must carry.

    Raises ProtocolError past MAX_LINE_BYTES.
    """
    row = command.to_json()
    if number is not None:
        row["id"] = number
    line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
    if len(line) > MAX_LINE_BYTES:
        raise ProtocolError(f"a command of {len(line)} bytes is past the limit of a line")
    return line


class LineBuffer:
    """Cuts received bytes into lines. Holds at most one line that is not complete."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that are complete now, without their ends.

        Raises ProtocolError for a line past MAX_LINE_BYTES.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES or any(len(line) > MAX_LINE_BYTES for line in lines):
            self._rest = b""
            raise ProtocolError("the sidecar wrote a line without end")
        return lines
