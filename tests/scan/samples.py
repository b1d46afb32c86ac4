"""Bytes as kernels send them, for tests that need no kernel."""
# ruff: noqa: E501  (lines of /proc/net are as long as the kernel makes them)

from __future__ import annotations

import ipaddress
import struct

AF_INET, AF_INET6 = 2, 10
LISTEN, CLOSE = 10, 7
DONE = struct.pack("=IHHIIi", 20, 3, 2, 1, 77, 0)


def error_message(errno: int) -> bytes:
    """An NLMSG_ERROR: the status, then the header of the request it answers."""
    return struct.pack("=IHHIIi16x", 36, 2, 0, 1, 77, -errno)


def attribute(kind: int, value: bytes) -> bytes:
    padding = b"\0" * (-len(value) % 4)
    return struct.pack("=HH", 4 + len(value), kind) + value + padding


def socket_message(
    host: str,
    port: int,
    uid: int = 0,
    inode: int = 1,
    *,
    peer_port: int = 0,
    interface: int = 0,
    state: int = LISTEN,
    attrs: bytes = b"",
    kind: int = 20,
) -> bytes:
    """One inet_diag_msg with its header and attributes."""
    address = ipaddress.ip_address(host)
    family = AF_INET if address.version == 4 else AF_INET6
    body = struct.pack("=BBBB", family, state, 0, 0)
    body += struct.pack(">HH", port, peer_port)
    body += address.packed.ljust(16, b"\0") + bytes(16)
    body += struct.pack("=III", interface, 5, 0)
    body += struct.pack("=IIIII", 0, 0, 128, uid, inode) + attrs
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 77) + body


V6ONLY, DUAL = attribute(11, b"\x01"), attribute(11, b"\x00")

# /proc/net of a machine of each byte order, shortened by hand
TCP_LITTLE = b"""\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   114        0 21001 1 0000000000000000 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 18220 1 0000000000000000 100 0 0 10 5
   2: 0101007F:0050 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 30411 3 0000000000000000 100 0 0 10 0
   3: 0100007F:1538 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000   114        0 40881 1 0000000000000000 20 4 30 10 -1
"""
TCP_BIG = TCP_LITTLE.replace(b"0100007F:", b"7F000001:").replace(b"0101007F:", b"7F000101:")
TCP6_LITTLE = b"""\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:1538 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000   114        0 21000 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 22444 1 0000000000000000 100 0 0 10 0
   2: 000080FE00000000FF2B4A02010A80FE:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 22445 1 0000000000000000 100 0 0 10 0
"""
TCP6_BIG = (
    TCP6_LITTLE.replace(b"00000001000000:", b"00000000000001:")
    .replace(b"0000FFFF00000100007F", b"00000000FFFF7F000001")
    .replace(b"000080FE00000000FF2B4A02010A80FE", b"FE80000000000000024A2BFFFE800A01")
)
UDP_LITTLE = b"""\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 2701: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 17001 2 0000000000000000 0
 2702: 0A00000A:B1C4 01010101:0035 01 00000000:00000000 00:00000000 00000000  1000        0 17002 2 0000000000000000 0
 2703: 00000000:0000 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 17003 2 0000000000000000 0
"""
