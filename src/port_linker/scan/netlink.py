"""The netlink sockets of sock_diag: one for dumps, one that hears of closed sockets.
Neither needs a privilege. Runs on Python 3.9.
"""

from __future__ import annotations

import array
import errno
import logging
import select
import socket
import struct
from typing import NamedTuple

from port_linker import clock
from port_linker.scan.rows import MAX_ROWS, TABLES, Row, ScanFormatError, Table
from port_linker.scan.sockdiag import (
    DESTROY_GROUPS,
    NETLINK_SOCK_DIAG,
    ClosedSocket,
    DumpPart,
    encode_closed_filter,
    encode_dump_request,
    parse_closed,
    parse_dump_part,
)

logger = logging.getLogger(__name__)

_PACKET_BYTES = 65_536  # the kernel fills at most 32 KiB of it (net/netlink/af_netlink.c)
_DUMP_TIMEOUT_S = 0.5  # the kernel answers within the call; only a broken one lets us wait
_MAX_PACKETS = 10_000  # of one dump; 32 KiB each is far beyond MAX_ROWS
_READ_PACKETS = 256  # notices taken in one call, so that a storm does not hold the loop
_SO_ATTACH_FILTER = 26  # socket has no name for it; the same on every Linux but SPARC, PA-RISC


class _KnownPart(NamedTuple):
    raw: bytes
    part: DumpPart


class DumpSocket:
    """Reads whole tables of sockets. After an OSError or ScanFormatError close it: the rest of
    a dump may still stand in it.
    """

    def __init__(self) -> None:
        """Raises OSError where netlink or sock_diag is forbidden or missing."""
        self._sock = _open_netlink(0)
        self._requests = {
            table: encode_dump_request(table, number) for number, table in enumerate(TABLES, 1)
        }
        self._known: dict[Table, list[_KnownPart]] = {}
        self._rows: dict[Table, list[Row]] = {}

    def read_table(self, table: Table) -> list[Row]:
        """Return the services of a table: the very same list if nothing changed since.

        Packets that are the same bytes as last time are not parsed again (each table has a
        fixed sequence number for that).

        Raises OSError if the kernel refuses, ScanFormatError if it answers nonsense.
        """
        self._sock.send(self._requests[table])
        before = self._known.get(table, [])
        parts = self._read_parts(table, before)
        if len(parts) == len(before) and all(new is old for new, old in zip(parts, before)):
            return self._rows[table]
        self._known[table] = parts
        rows = [row for known in parts for row in known.part.rows]
        self._rows[table] = rows[:MAX_ROWS]
        return self._rows[table]

    def _read_parts(self, table: Table, before: list[_KnownPart]) -> list[_KnownPart]:
        deadline = clock.monotonic_s() + _DUMP_TIMEOUT_S
        parts: list[_KnownPart] = []
        for number in range(_MAX_PACKETS):
            raw = self._receive(deadline)
            known = before[number] if number < len(before) else None
            if known is None or known.raw != raw:
                known = _KnownPart(raw, parse_dump_part(raw, table.proto))
            if known.part.errno:
                raise OSError(known.part.errno, f"sock_diag refuses to list {table.name}")
            parts.append(known)
            if known.part.is_last:
                return parts
        raise ScanFormatError(f"the dump of {table.name} does not end")

    def _receive(self, deadline: float) -> bytes:
        try:
            return self._sock.recv(_PACKET_BYTES)
        except BlockingIOError:
            if not _wait_readable(self._sock, deadline - clock.monotonic_s()):
                raise TimeoutError(errno.ETIMEDOUT, "sock_diag does not answer") from None
            return self._sock.recv(_PACKET_BYTES)

    def close(self) -> None:
        """Close the socket; may be called again."""
        self._sock.close()


class ClosedSocketWatch:
    """Hears from the kernel, within a fraction of a millisecond, that a service's socket closed."""

    def __init__(self) -> None:
        """Raises OSError where the groups cannot be joined (kernels before 4.3, sandboxes)."""
        self._sock = _open_netlink(DESTROY_GROUPS)
        try:
            _attach_filter(self._sock, encode_closed_filter())
        except OSError as error:
            logger.debug("closed connections are told too: %s", error)
        self.lost = 0  # times that the kernel dropped notices (ENOBUFS)

    def fileno(self) -> int:
        """The descriptor that becomes readable when there is something to read."""
        return self._sock.fileno()

    def read(self) -> list[ClosedSocket]:
        """Return what was closed since the last call; never blocks.

        After lost notices the next scan tells what they would have. Raises OSError if the
        socket is of no more use, ScanFormatError if the kernel sends nonsense.
        """
        closed: list[ClosedSocket] = []
        for _ in range(_READ_PACKETS):
            packet = self._receive()
            if not packet:
                break
            closed.extend(parse_closed(packet))
        return closed

    def _receive(self) -> bytes:
        """Return the next packet; empty if there is none now, or some were lost."""
        try:
            return self._sock.recv(_PACKET_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            self.lost += 1
            return b""

    def close(self) -> None:
        """Leave the groups; may be called again."""
        self._sock.close()


def _open_netlink(groups: int) -> socket.socket:
    sock = socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG
    )
    try:
        sock.setblocking(False)
        sock.bind((0, groups))
    except OSError:
        sock.close()
        raise
    return sock


def _wait_readable(sock: socket.socket, timeout_s: float) -> bool:
    """Whether there is something to read in time; poll, since descriptors may pass 1023."""
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(max(0, int(timeout_s * 1000))))


def _attach_filter(sock: socket.socket, steps: bytes) -> None:
    """Attach a classic BPF program (struct sock_fprog: count, pointer) to a socket."""
    program = array.array("B", steps)
    fprog = struct.pack("HP", len(steps) // 8, program.buffer_info()[0])
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
