"""Whose one socket is: real sockets, and replies of any shape."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.model import Proto
from port_linker.scan.lookup import Found, SocketLookup, encode_lookup, parse_lookup
from tests.ports.os.test_sockets import needs_v6

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a socket away")
SOMEBODY = 4242


@pytest.fixture
def lookup() -> Iterator[SocketLookup]:
    one = SocketLookup()
    yield one
    one.close()


def listening(host: str, v6only: bool = True) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    if ":" in host:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    sock.bind((host, 0))
    sock.listen()
    return sock


def bound(host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    return sock


def inode(sock: socket.socket) -> int:
    return os.fstat(sock.fileno()).st_ino


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_listener_is_found_by_the_address_that_is_dialled(
    lookup: SocketLookup, host: str
) -> None:
    with listening(host) as sock:
        port = sock.getsockname()[1]
        found = lookup.find(Proto.TCP, ("127.0.0.1", port))
        assert found is not None
        assert found[:2] == (os.geteuid(), inode(sock))
        assert lookup.find(Proto.UDP, ("127.0.0.1", port)) is None
        again = lookup.find(Proto.TCP, ("127.0.0.1", port))
        assert again == found, "the cookie stays"
    assert lookup.find(Proto.TCP, ("127.0.0.1", port)) is None


@needs_v6
def test_one_listener_for_both_families_is_found_by_either(lookup: SocketLookup) -> None:
    with listening("::", v6only=False) as sock:
        port = sock.getsockname()[1]
        found = [lookup.find(Proto.TCP, (host, port)) for host in ("127.0.0.1", "::1")]
    assert found[0] is not None
    assert found[0] == found[1]
    with listening("::") as sock:
        assert lookup.find(Proto.TCP, ("127.0.0.1", sock.getsockname()[1])) is None


def test_a_udp_socket_is_found_beside_one_that_is_connected(lookup: SocketLookup) -> None:
    with bound("0.0.0.0") as sock, bound("127.0.0.1") as client:
        port = sock.getsockname()[1]
        found = lookup.find(Proto.UDP, ("127.0.0.1", port), client.getsockname())
        assert found is not None
        assert found.inode == inode(sock)


@needs_root
def test_what_is_another_users_says_so(lookup: SocketLookup) -> None:
    with listening("127.0.0.1") as sock:
        os.fchown(sock.fileno(), SOMEBODY, -1)
        found = lookup.find(Proto.TCP, sock.getsockname())
        assert found is not None
        assert found.uid == SOMEBODY


@needs_root
def test_a_listener_that_is_tied_to_loopback_is_found(lookup: SocketLookup) -> None:
    with listening("127.0.0.1") as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
        assert lookup.find(Proto.TCP, sock.getsockname()) is not None


def test_after_a_refusal_the_next_question_is_asked_afresh(
    lookup: SocketLookup, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPROTONOSUPPORT, "Protocol not supported")

    with listening("127.0.0.1") as sock:
        address = sock.getsockname()
        with monkeypatch.context() as patch:
            patch.setattr(socket, "socket", refuse)
            with pytest.raises(OSError, match="not supported"):
                lookup.find(Proto.TCP, address)
        assert lookup.find(Proto.TCP, address) is not None
        assert lookup._sock is not None
        lookup._sock.send(encode_lookup(Proto.TCP, address))  # an answer that nobody took
        with pytest.raises(OSError, match="something else"):
            lookup.find(Proto.TCP, ("127.0.0.1", 1))
        assert lookup.find(Proto.TCP, ("127.0.0.1", 1)) is None


def test_a_link_local_address_brings_its_interface() -> None:
    request = encode_lookup(Proto.TCP, ("fe80::1%7", 80))
    assert struct.unpack_from("=I", request, 60)[0] == 7
    with pytest.raises(ValueError, match="does not appear"):
        encode_lookup(Proto.TCP, ("nonsense", 80))


def reply(kind: int = 20, port: int = 9, status: int = -2) -> bytes:
    if kind != 20:
        return struct.pack("=IHHIIi", 36, kind, 0, 1, 0, status)
    head = struct.pack("=IHHII", 88, kind, 0, 1, 0) + bytes(4) + struct.pack("!HH", port, 80)
    return head + bytes(36) + b"COOKIE.." + bytes(12) + struct.pack("=II", 1000, 7)


def test_replies_are_read_with_care() -> None:
    assert parse_lookup(reply(), 9) == Found(1000, 7, b"COOKIE..")
    assert parse_lookup(reply(kind=2), 9) is None
    for wrong in (reply(port=10), reply(kind=2, status=0), reply(kind=3), reply()[:60], b""):
        with pytest.raises(OSError, match="something else"):
            parse_lookup(wrong, 9)
    with pytest.raises(PermissionError):
        parse_lookup(reply(kind=2, status=-errno.EPERM), 9)


@given(st.binary(max_size=120))
def test_any_bytes_are_an_answer_or_an_error(data: bytes) -> None:
    try:
        parse_lookup(data, 9)
    except OSError:
        return
