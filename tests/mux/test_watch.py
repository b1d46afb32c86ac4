"""Errors of sockets that nobody reads."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from port_linker.mux.ending import reset_socket
from port_linker.mux.watch import ErrorWatch
from tests.fakes.waiting import until


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.create_connection(server.getsockname())
        with peer, server.accept()[0] as sock:
            yield sock, peer


async def test_a_reset_is_told_though_there_is_data(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    sock, peer = ends
    watch, told = ErrorWatch(), []
    watch.add(sock.fileno(), lambda: told.append(1))
    peer.send(b"x")
    await until(lambda: sock.recv(1, socket.MSG_PEEK))
    assert told == []
    reset_socket(peer)
    await until(lambda: told)
    await until(lambda: watch._epoll is not None and not watch._epoll.poll(0))  # told once
    assert told == [1]
    watch.close()


async def test_what_was_removed_or_closed_is_not_told(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    sock, peer = ends
    watch, told = ErrorWatch(), []
    before = len(os.listdir("/proc/self/fd"))
    watch.remove(sock.fileno())
    watch.add(sock.fileno(), lambda: told.append(1))
    watch.remove(sock.fileno())
    watch.add(peer.fileno(), lambda: told.append(2))
    reset_socket(peer)
    watch.close()
    watch._on_errors()
    watch.close()
    assert told == []
    assert len(os.listdir("/proc/self/fd")) == before - 1
    with socket.create_server(("127.0.0.1", 0)) as server:
        other = socket.create_connection(server.getsockname())
        with server.accept()[0] as served:
            watch.add(served.fileno(), lambda: told.append(3))  # it opens again
            reset_socket(other)
            await until(lambda: told == [3])
    watch.close()


async def test_a_closed_socket_needs_no_more_than_to_be_forgotten(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    sock, peer = ends
    watch, told = ErrorWatch(), []
    watch.add(peer.fileno(), lambda: told.append(1))
    fd = peer.fileno()
    watch.forget(fd)
    peer.close()
    again = os.dup2(sock.fileno(), fd)  # the same number, another socket
    watch.add(again, lambda: told.append(2))
    watch._on_errors()
    assert 1 not in told
    watch.remove(again)
    watch.close()
    os.close(again)
