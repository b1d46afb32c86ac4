"""Whose process a local connection comes from, for --own-user-only. I/O.

The kernel is asked about the other end's socket by sock_diag, 0.1 ms each. Whoever cannot be found
is refused: a connection whose program has closed it already belongs to nobody.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from collections.abc import Callable

from port_linker.binding.facts import Local
from port_linker.model import Proto

Peer = tuple[str, int]

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20  # include/uapi/linux/sock_diag.h
NLM_F_REQUEST = 1
ANY_STATE = 0xFFFFFFFF
NO_COOKIE = b"\xff" * 8  # INET_DIAG_NOCOOKIE
HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port id
REQUEST = struct.Struct("=BBBxI")  # family, protocol, extensions, states; then the socket's name
UID_OFFSET = HEADER.size + 64  # in struct inet_diag_msg; the inode follows
WAIT_S = 0.5  # the kernel answers at once; a wait without end is not an option

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_PROTOCOLS = {Proto.TCP: socket.IPPROTO_TCP, Proto.UDP: socket.IPPROTO_UDP}


def check_own_user(proto: Proto, local: Local) -> Callable[[Peer], bool]:
    """Return the question whether a peer of the binding at local is a process of our user."""
    uid = os.geteuid()

    def is_own(peer: Peer) -> bool:
        return read_peer_uid(proto, local, peer) == uid

    return is_own


def read_peer_uid(proto: Proto, local: Local, peer: Peer) -> int | None:
    """Return the uid of the socket at peer that talks to local; None if there is none."""
    near, far = (peer[0], peer[1]), (local.address, local.port)
    if proto is Proto.UDP:  # udp_dump_one() looks a socket up as a packet to it would: reversed
        near, far = far, near
    request = encode_lookup(proto, local.family, near, far)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as netlink:
            netlink.settimeout(WAIT_S)
            netlink.sendto(request, (0, 0))
            reply = netlink.recv(4096)
    except OSError:
        return None
    return parse_lookup(reply, peer[1])


def encode_lookup(proto: Proto, family: int, near: Peer, far: Peer) -> bytes:
    """Return the request for the one socket from near to far."""
    name = struct.pack("!HH", near[1], far[1]) + _pack(near[0]) + _pack(far[0])
    body = REQUEST.pack(_FAMILIES[family], _PROTOCOLS[proto], 0, ANY_STATE)
    body += name + struct.pack("=I", 0) + NO_COOKIE
    return HEADER.pack(HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0) + body


def parse_lookup(reply: bytes, port: int) -> int | None:
    """Return the uid in the kernel's reply; None if it names no socket at this port."""
    if len(reply) < UID_OFFSET + 8 or struct.unpack_from("=H", reply, 4)[0] != SOCK_DIAG_BY_FAMILY:
        return None
    if struct.unpack_from("!H", reply, HEADER.size + 4)[0] != port:
        return None
    uid, inode = struct.unpack_from("=II", reply, UID_OFFSET)
    return uid if inode else None  # without an inode it is closed, and the uid is 0 for anybody


def _pack(address: str) -> bytes:
    return ipaddress.ip_address(address).packed.ljust(16, b"\0")
