"""The services behave as their names say, so that a test across port-linker can rely on them."""

from __future__ import annotations

import socket

import pytest

from tests.lab import services as kinds
from tests.lab.hosts import TwoHosts
from tests.lab.payload import blocks, digest
from tests.lab.services import Services

pytestmark = pytest.mark.lab


def read_all(sock: socket.socket) -> bytes:
    out = bytearray()
    while data := sock.recv(1 << 20):
        out += data
    return bytes(out)


def test_tcp_services(lab: TwoHosts) -> None:
    with Services(lab.target) as services:
        with lab.target.connect("127.0.0.1", services.tcp(kinds.echo).port) as sock:
            sock.sendall(b"abc")
            assert sock.recv(3) == b"abc"
        with lab.target.connect("127.0.0.1", services.tcp(kinds.sink).port) as sock:
            for block in blocks(3_000_000):
                sock.sendall(block)
            sock.shutdown(socket.SHUT_WR)
            assert read_all(sock).decode() == digest(3_000_000)
        with lab.target.connect("127.0.0.1", services.tcp(kinds.source).port) as sock:
            sock.sendall(b"2000000\n")
            assert read_all(sock) == b"".join(blocks(2_000_000))
        with lab.target.connect("::1", services.tcp(kinds.reset, host="::1").port) as sock:
            sock.sendall(b"x")
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        with lab.target.connect("127.0.0.1", services.tcp(kinds.close_first).port) as sock:
            assert read_all(sock) == b"bye"


def test_udp_echo_takes_any_size(lab: TwoHosts) -> None:
    with Services(lab.target) as services, lab.target.bind_udp("127.0.0.1", 0) as sock:
        served, echo = services.udp()
        sock.settimeout(5)
        for size in (0, 1, 1200, 65_507):
            sock.sendto(bytes(size), ("127.0.0.1", served.port))
            assert len(sock.recv(1 << 16)) == size
        assert echo.peers == {sock.getsockname()}


def test_a_closed_service_is_refused_and_its_connections_reset(lab: TwoHosts) -> None:
    with Services(lab.target) as services:
        served = services.tcp(kinds.greet)
        with lab.target.connect("127.0.0.1", served.port) as sock:
            assert sock.recv(1) == b"!"
            served.close()
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        with pytest.raises(ConnectionRefusedError):
            lab.target.connect("127.0.0.1", served.port)
