"""Whose process a connection comes from: real sockets of two users."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from port_linker.model import Proto
from port_linker.ports.os.peer import check_own_user, find_peer
from port_linker.ports.types import LOOPBACK, Local
from port_linker.scan.lookup import SocketLookup
from tests.ports.children import NOBODY, run_as_nobody
from tests.ports.os.test_sockets import needs_v6

FAMILIES = [4, pytest.param(6, marks=needs_v6)]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as open_sockets:
        yield open_sockets


def serve(stack: ExitStack, proto: Proto, family: int) -> tuple[socket.socket, Local]:
    kind = socket.SOCK_STREAM if proto is Proto.TCP else socket.SOCK_DGRAM
    sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, kind)
    stack.enter_context(sock)
    sock.bind((LOOPBACK[family], 0))
    sock.settimeout(10)
    if proto is Proto.TCP:
        sock.listen()
    return sock, Local(family, LOOPBACK[family], sock.getsockname()[1])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tcp_peer_of_ours_is_known(stack: ExitStack, family: int) -> None:
    _, local = serve(stack, Proto.TCP, family)
    near = stack.enter_context(socket.create_connection((local.address, local.port), 5))
    address, port = near.getsockname()[:2]
    found = find_peer(Proto.TCP, local, (address, port))
    assert found is not None
    assert found.uid == os.geteuid()
    assert check_own_user(Proto.TCP, local)((address, port)) == found.cookie
    assert find_peer(Proto.TCP, local, (address, 1)) is None
    near.close()
    own = check_own_user(Proto.TCP, local)((address, port))
    assert own is None, "closed: it belongs to nobody"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("connected", [True, False])
def test_a_udp_peer_of_ours_is_known(stack: ExitStack, family: int, connected: bool) -> None:
    sock, local = serve(stack, Proto.UDP, family)
    near = stack.enter_context(socket.socket(sock.family, socket.SOCK_DGRAM))
    if connected:
        near.connect((local.address, local.port))
        near.send(b"x")
    else:
        near.sendto(b"x", (local.address, local.port))
    address, port = sock.recvfrom(10)[1][:2]
    found = find_peer(Proto.UDP, local, (address, port))
    assert found is not None
    assert found.uid == os.geteuid()
    assert find_peer(Proto.UDP, local, (address, 1)) is None


SEND = """
import socket, sys
from port_linker.ports.os.peer import find_peer
from port_linker.ports.types import Local
from port_linker.model import Proto
port = int(sys.argv[-1])
near = socket.create_connection(("127.0.0.1", port), 10)
near.recv(1)
print(json.dumps(near.getsockname()[1]))
"""


def test_another_users_peer_is_known_as_his(stack: ExitStack) -> None:
    sock, local = serve(stack, Proto.TCP, 4)
    seen: list[object] = []

    def look() -> None:
        far, peer = sock.accept()
        with far:
            found = find_peer(Proto.TCP, local, peer)
            seen.append(found and found.uid)
            seen.append(check_own_user(Proto.TCP, local)(peer))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        run_as_nobody(SEND, str(local.port))
    finally:
        thread.join(timeout=15)
    assert seen == [NOBODY, None]


def test_a_kernel_that_does_not_answer_lets_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(93, "Protocol not supported")

    monkeypatch.setattr(SocketLookup, "find", refuse)
    assert find_peer(Proto.TCP, Local(4, "127.0.0.1", 80), ("127.0.0.1", 9)) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a socket away")
def test_a_port_that_another_user_takes_over_is_another_socket(stack: ExitStack) -> None:
    sock, local = serve(stack, Proto.UDP, 4)
    check = check_own_user(Proto.UDP, local)
    first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    first.bind(("127.0.0.1", 0))
    peer = first.getsockname()
    ours = check(peer)
    assert ours is not None
    assert check(peer) == ours
    first.close()
    assert check(peer) is None
    second = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    second.bind(peer)
    assert check(peer) not in (None, ours), "another socket of ours"
    os.fchown(second.fileno(), 4242, -1)
    assert check(peer) is None
    assert sock.fileno() >= 0
