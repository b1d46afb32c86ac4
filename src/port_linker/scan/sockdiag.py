"""The words of sock_diag over netlink: dump requests, their replies, and notices of sockets
that were closed. Pure; runs on Python 3.9.

Source: kernel include/uapi/linux/netlink.h, sock_diag.h, inet_diag.h; net/core/sock_diag.c.
Numbers are in the machine's byte order, ports and addresses in network order.
"""

from __future__ import annotations

import functools
import struct
from typing import NamedTuple

from port_linker.model import Proto
from port_linker.scan.rows import Row, ScanFormatError, Table, host_text

NETLINK_SOCK_DIAG = 4
DESTROY_GROUPS = 0b1111  # SKNLGRP_INET_TCP, _INET_UDP, _INET6_TCP, _INET6_UDP _DESTROY

_SOCK_DIAG_BY_FAMILY = 20
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLM_F_REQUEST_DUMP = 0x301
_AF_INET, _AF_INET6 = 2, 10
_IPPROTO = {Proto.TCP: 6, Proto.UDP: 17}
_PROTO_OF = {6: Proto.TCP, 17: Proto.UDP}
_STATES = {Proto.TCP: 1 << 10, Proto.UDP: 1 << 7}  # LISTEN; unconnected, which is CLOSE
_ATTR_PROTOCOL, _ATTR_SKV6ONLY, _ATTR_CGROUP_ID = 10, 11, 21

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port id
_REQUEST = struct.Struct("=BBBxI48x")  # inet_diag_req_v2: family, protocol, extensions, states, id
_STATUS = struct.Struct("=i")
_ATTR = struct.Struct("=HH")
_NUMBER = struct.Struct("=Q")
# header and inet_diag_msg in one go: length, type | family | source port's two bytes and the
# destination port's | source address | interface | uid, inode
_SOCKET = struct.Struct("=IH10xB3x4B16s16xI20xII")

# Classic BPF: pass a notice whose destination port (offset 22) is 0, drop the others, so that
# the close of every connection of a busy target does not wake the agent.
_FILTER = ((0x28, 0, 0, 22), (0x15, 0, 1, 0), (0x06, 0, 0, 0xFFFFFFFF), (0x06, 0, 0, 0))


class DumpPart(NamedTuple):
    """What one packet of a dump says. errno: 0, or why the kernel refuses; it ends the dump."""

    rows: list[Row]
    is_last: bool
    errno: int


class ClosedSocket(NamedTuple):
    """A service's socket that is gone; another one may still hold the same address."""

    proto: Proto
    host: str
    port: int


def encode_dump_request(table: Table, sequence: int) -> bytes:
    """Return the request for all services of a table: TCP listening, UDP bound and unconnected."""
    family = _AF_INET6 if table.family == 6 else _AF_INET
    length = _HEADER.size + _REQUEST.size
    header = _HEADER.pack(length, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST_DUMP, sequence, 0)
    return header + _REQUEST.pack(family, _IPPROTO[table.proto], 0, _STATES[table.proto])


def encode_closed_filter() -> bytes:
    """Return the struct sock_filter array that passes notices of unconnected sockets only."""
    return b"".join(struct.pack("=HBBI", *step) for step in _FILTER)


def parse_dump_part(data: bytes, proto: Proto) -> DumpPart:
    """Return the rows of one packet of a dump for proto.

    Left out: sockets without a port. Raises ScanFormatError if a message is cut or unknown.
    """
    rows: list[Row] = []
    offset, end = 0, len(data)
    while offset < end:
        length, kind = _read_header(data, offset)
        if kind != _SOCK_DIAG_BY_FAMILY:
            if kind in (_NLMSG_DONE, _NLMSG_ERROR):
                return DumpPart(rows, True, _read_errno(data, offset, length))
            raise ScanFormatError(f"sock_diag sent a message of unknown type {kind}")
        row = _parse_socket(data, offset, length, proto)
        if row is not None:
            rows.append(row)
        offset += (length + 3) & ~3
    return DumpPart(rows, False, 0)


def parse_closed(data: bytes) -> list[ClosedSocket]:
    """Return the services' sockets of one packet of the destroy groups.

    Left out: connections (they have a peer's port), sockets that never had a port, and
    messages of other types. Raises ScanFormatError if a message is cut.
    """
    closed: list[ClosedSocket] = []
    offset, end = 0, len(data)
    while offset < end:
        length, kind = _read_header(data, offset)
        if kind == _SOCK_DIAG_BY_FAMILY:
            row = _parse_socket(data, offset, length, Proto.TCP)
            proto = _PROTO_OF.get(_read_attrs(data[offset + _SOCKET.size : offset + length])[0])
            if row is not None and proto is not None:
                closed.append(ClosedSocket(proto, row.host, row.port))
        offset += (length + 3) & ~3
    return closed


def _read_header(data: bytes, offset: int) -> tuple[int, int]:
    if len(data) - offset < _HEADER.size:
        raise ScanFormatError("sock_diag sent a cut header")
    length, kind = struct.unpack_from("=IH", data, offset)
    if length < _HEADER.size or offset + length > len(data):
        raise ScanFormatError(f"sock_diag sent a cut message of {length} bytes")
    return length, kind


def _read_errno(data: bytes, offset: int, length: int) -> int:
    """Return the positive errno of a DONE or ERROR message; 0 says that all went well."""
    if length < _HEADER.size + _STATUS.size:
        raise ScanFormatError("sock_diag sent an end without a status")
    status: int = _STATUS.unpack_from(data, offset + _HEADER.size)[0]
    return abs(status)


def _parse_socket(data: bytes, offset: int, length: int, proto: Proto) -> Row | None:
    if length < _SOCKET.size:
        raise ScanFormatError(f"sock_diag sent a socket of only {length} bytes")
    _, _, family, high, low, peer_high, peer_low, source, interface, uid, inode = (
        _SOCKET.unpack_from(data, offset)
    )
    port = high << 8 | low
    if port == 0 or peer_high or peer_low:
        return None
    _, v6only, cgroup = _read_attrs(data[offset + _SOCKET.size : offset + length])
    if family == _AF_INET:
        return Row(proto, host_text(source[:4]), port, uid, inode, False, cgroup)
    if family != _AF_INET6:
        raise ScanFormatError(f"sock_diag sent a socket of unknown family {family}")
    return Row(proto, host_text(source, interface), port, uid, inode, v6only, cgroup)


@functools.lru_cache(maxsize=1024)
def _read_attrs(attrs: bytes) -> tuple[int, bool, int]:
    """Return protocol, v6only and control group of a socket's attributes; 0 what is absent.

    Cached, since most sockets of a machine carry one of few sets, a few for each control group.
    """
    protocol, v6only, cgroup, offset = 0, False, 0, 0
    while len(attrs) - offset >= _ATTR.size:
        length, kind = _ATTR.unpack_from(attrs, offset)
        if length < _ATTR.size or offset + length > len(attrs):
            raise ScanFormatError("sock_diag sent a cut attribute")
        if length > _ATTR.size and kind == _ATTR_PROTOCOL:
            protocol = attrs[offset + _ATTR.size]
        elif length > _ATTR.size and kind == _ATTR_SKV6ONLY:
            v6only = attrs[offset + _ATTR.size] != 0
        elif length == _ATTR.size + _NUMBER.size and kind == _ATTR_CGROUP_ID:
            cgroup = _NUMBER.unpack_from(attrs, offset + _ATTR.size)[0]
        offset += (length + 3) & ~3
    return protocol, v6only, cgroup
