"""Reads the text of /proc/net/{tcp,tcp6,udp,udp6}, for kernels and sandboxes without sock_diag.
Pure; runs on Python 3.9.

Source: kernel Documentation/networking/proc_net_tcp.rst, net/ipv4/{tcp_ipv4,udp}.c,
include/net/tcp_states.h, net/ipv6/addrconf.c (if_inet6).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from port_linker.model import Proto
from port_linker.scan.rows import MAX_ROWS, Row, ScanFormatError, host_text

_STATES = {Proto.TCP: b"0A", Proto.UDP: b"07"}  # LISTEN; unconnected, which is CLOSE
_MIN_COLUMNS = 10  # sl local remote st queues timer retransmits uid timeout inode
_NO_INTERFACES: Mapping[bytes, int] = {}


def parse_proc_net(
    text: bytes,
    proto: Proto,
    byteorder: str,
    interfaces: Mapping[bytes, int] = _NO_INTERFACES,
) -> list[Row]:
    """Return one row per service of a /proc/net table, of either family.

    text: the whole file, first line with the column names included.
    byteorder: "little" or "big", of the target's CPU; the kernel prints addresses as native
    32-bit words. interfaces: link-local address → interface index (parse_if_inet6).
    Left out: lines in other states (not looked at), sockets without a port, a last line that is
    cut off, rows past MAX_ROWS. v6only stays False: the table does not tell.

    Raises ScanFormatError if a complete line in the wanted state lacks the documented columns.
    """
    state = _STATES[proto]
    mark = b" " + state + b" "  # no other column can look like it
    rows: list[Row] = []
    for line in text.split(b"\n")[1:-1]:
        if mark not in line or len(rows) >= MAX_ROWS:
            continue
        columns = line.split(None, _MIN_COLUMNS)
        if len(columns) < _MIN_COLUMNS:
            raise ScanFormatError(f"a line of /proc/net/{proto} has {len(columns)} columns")
        if columns[3] == state:
            rows.extend(_parse_line(columns, proto, byteorder, interfaces))
    return rows


def _parse_line(
    columns: list[bytes], proto: Proto, byteorder: str, interfaces: Mapping[bytes, int]
) -> list[Row]:
    """Return the line's row, or none if the socket has no port."""
    try:
        address, _, port_text = columns[1].partition(b":")
        packed = _swap_words(bytes.fromhex(address.decode("ascii")), byteorder)
        port, uid, inode = int(port_text, 16), int(columns[7]), int(columns[9])
    except ValueError as error:
        raise ScanFormatError(f"a line of /proc/net/{proto} holds no numbers") from error
    if not 0 <= port <= 0xFFFF or uid < 0 or inode < 0:
        raise ScanFormatError(f"a line of /proc/net/{proto} holds numbers out of range")
    if port == 0:
        return []
    return [Row(proto, host_text(packed, interfaces.get(packed, 0)), port, uid, inode, False)]


def _swap_words(words: bytes, byteorder: str) -> bytes:
    """Return an address in network order from its native 32-bit words."""
    if len(words) not in (4, 16):
        raise ScanFormatError(f"an address of {len(words)} bytes in /proc/net")
    if byteorder == "big":
        return words
    count = len(words) // 4
    return struct.pack(f">{count}I", *struct.unpack(f"<{count}I", words))


def parse_if_inet6(text: bytes) -> dict[bytes, int]:
    """Return link-local address → interface index of /proc/net/if_inet6.

    Left out: an address that two interfaces share (it names neither), and lines that are not
    in the documented format, since an address without its interface is still worth showing.
    """
    found: dict[bytes, int] = {}
    twice: set[bytes] = set()
    for line in text.splitlines():
        columns = line.split()
        try:
            address, index = bytes.fromhex(columns[0].decode("ascii")), int(columns[1], 16)
        except (ValueError, IndexError):
            continue
        if len(address) == 16 and address[:2] == b"\xfe\x80":
            if address in found:
                twice.add(address)
            found[address] = index
    return {address: index for address, index in found.items() if address not in twice}
