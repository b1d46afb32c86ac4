"""Ports whose service has gone: nobody else gets them, and nobody is served."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from port_linker.model import Proto
from port_linker.ports.os.sockets import bind_local
from port_linker.ports.types import Local
from port_linker.session.shelf import Shelf, shelf_limit
from tests.session.test_binder import free_port


@pytest.fixture
async def shelf() -> AsyncIterator[Shelf]:
    shelf = Shelf(2)
    yield shelf
    shelf.close()


def bound(proto: Proto = Proto.TCP) -> tuple[Local, socket.socket]:
    local = Local(4, "127.0.0.1", free_port())
    sock = bind_local(proto, local)
    assert isinstance(sock, socket.socket)
    return local, sock


async def test_who_connects_is_reset_and_nobody_else_binds_there(shelf: Shelf) -> None:
    local, sock = bound()
    shelf.put(Proto.TCP, local, sock)
    with pytest.raises(ConnectionResetError):
        await _read_some(local)
    assert isinstance(bind_local(Proto.TCP, local), int)


async def _read_some(local: Local) -> None:
    reader, writer = await asyncio.open_connection(local.address, local.port)
    try:
        assert await reader.read(1)
    finally:
        writer.close()


async def test_a_service_that_is_back_gets_its_socket_and_no_old_client(shelf: Shelf) -> None:
    local, sock = bound()
    shelf.put(Proto.TCP, local, sock)
    with socket.create_connection((local.address, local.port)) as early:
        assert shelf.take(Proto.TCP, local) is sock
        with pytest.raises(ConnectionResetError):
            early.recv(1)
    with pytest.raises(BlockingIOError):
        sock.accept()
    assert shelf.take(Proto.TCP, local) is None
    sock.close()


async def test_datagrams_are_thrown_away(shelf: Shelf) -> None:
    local, sock = bound(Proto.UDP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        shelf.put(Proto.UDP, local, sock)
        for _ in range(9):
            client.sendto(b"secret", (local.address, local.port))
        assert shelf.take(Proto.UDP, local) is sock
    with pytest.raises(BlockingIOError):
        sock.recv(1)
    sock.close()


async def test_past_the_limit_the_oldest_is_freed(shelf: Shelf) -> None:
    kept = [bound() for _ in range(3)]
    for local, sock in kept:
        shelf.put(Proto.TCP, local, sock)
    assert [sock.fileno() == -1 for _, sock in kept] == [True, False, False]
    assert [(Proto.TCP, local) in shelf for local, _ in kept] == [False, True, True]
    shelf.close()
    assert all(sock.fileno() == -1 for _, sock in kept)


def test_the_limit_follows_the_services_and_the_descriptors() -> None:
    assert shelf_limit(3) == 6
    assert 2 <= shelf_limit(1 << 40) < 1 << 40
