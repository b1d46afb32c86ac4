"""Asks the kernel about one socket: whose is it? I/O (netlink); runs on Python 3.9.

A dump lists all sockets; this is one question about one address, some 5 µs, answered within the
call. Source: kernel include/uapi/linux/inet_diag.h, net/ipv4/inet_diag.c, net/ipv4/udp_diag.c.
"""

from __future__ import annotations

import errno
import functools
import ipaddress
import os
import socket
import struct
from typing import NamedTuple, Optional

from port_linker.model import Proto
from port_linker.scan.sockdiag import NETLINK_SOCK_DIAG

Endpoint = tuple[str, int]

_SOCK_DIAG_BY_FAMILY = 20
_NLMSG_ERROR = 2
_NLM_F_REQUEST = 1
_ANY_STATE = 0xFFFFFFFF
_NO_COOKIE = b"\xff" * 8  # INET_DIAG_NOCOOKIE
_LOOPBACK = 1  # the interface by which a machine reaches itself, in every network namespace
_IPPROTO = {Proto.TCP: socket.IPPROTO_TCP, Proto.UDP: socket.IPPROTO_UDP}
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port id
_REQUEST = struct.Struct("=BBBxI")  # family, protocol, extensions, states; then the socket's name
_REPLY = struct.Struct("=4xH14xH38x8s12xII")  # type | source port | cookie | uid, inode
_ERROR = struct.Struct("=4xH10xi")  # type | minus errno
_REPLY_BYTES = 4096


class Found(NamedTuple):
    """A socket. inode: 0 if no process holds it (any more). cookie: no other socket has it."""

    uid: int
    inode: int
    cookie: bytes


class SocketLookup:
    """Asks about single sockets; keeps one netlink socket open from the first question on."""

    def __init__(self) -> None:
        self._sock: Optional[socket.socket] = None

    def find(self, proto: Proto, near: Endpoint, far: Optional[Endpoint] = None) -> Optional[Found]:
        """Return the socket at near that takes what far sends; None if there is none.

        Without far: the one that takes a connection, or a datagram, from anybody.
        Raises OSError if the kernel does not say (netlink forbidden, an answer that makes no
        sense), ValueError if near is no address. A kernel without the module for a protocol
        answers like one without the socket.
        """
        return self.ask(encode_lookup(proto, near, far), near[1])

    def ask(self, request: bytes, port: int) -> Optional[Found]:
        """Put a question of encode_lookup(); port is the one that was asked about."""
        try:
            if self._sock is None:
                self._sock = _open()
            self._sock.send(request)
            return parse_lookup(self._sock.recv(_REPLY_BYTES), port)
        except OSError:
            self.close()  # an answer may still come, and would be taken for the next one's
            raise

    def close(self) -> None:
        """Close the netlink socket; the next question opens another."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None


def _open() -> socket.socket:
    sock = socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG
    )
    sock.setblocking(False)  # the kernel answers within send()
    return sock


@functools.lru_cache(maxsize=1024)
def encode_lookup(proto: Proto, near: Endpoint, far: Optional[Endpoint] = None) -> bytes:
    """Return the request for the one socket at near. Raises ValueError if it is no address."""
    host, _, scope = near[0].partition("%")
    address = ipaddress.ip_address(host)
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    here = struct.pack("!H", near[1]), address.packed.ljust(16, b"\0")
    there = bytes(2), bytes(16)
    if far is not None:
        packed = ipaddress.ip_address(far[0].partition("%")[0]).packed
        there = struct.pack("!H", far[1]), packed.ljust(16, b"\0")
    # udp_dump_one() looks a socket up as a packet to it would: from its source to its destination.
    first, second = (there, here) if proto is Proto.UDP else (here, there)
    interface = int(scope) if scope.isdecimal() else _LOOPBACK
    body = _REQUEST.pack(family, _IPPROTO[proto], 0, _ANY_STATE)
    body += first[0] + second[0] + first[1] + second[1] + struct.pack("=I", interface) + _NO_COOKIE
    return _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0) + body


def parse_lookup(reply: bytes, port: int) -> Optional[Found]:
    """Return the socket of the kernel's reply; None if there is no such socket.

    Raises OSError if the reply is a refusal, or about another port.
    """
    if len(reply) >= _REPLY.size:
        kind, found_port, cookie, uid, inode = _REPLY.unpack_from(reply)
        if kind == _SOCK_DIAG_BY_FAMILY and found_port == socket.htons(port):
            return Found(uid, inode, cookie)
    if len(reply) >= _ERROR.size:
        kind, status = _ERROR.unpack_from(reply)
        if kind == _NLMSG_ERROR and status == -errno.ENOENT:
            return None
        if kind == _NLMSG_ERROR and status < 0:
            raise OSError(-status, os.strerror(-status))
    raise OSError(errno.EBADMSG, "sock_diag answers something else")
