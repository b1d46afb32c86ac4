"""How connections end over the stdio link: every byte first, then FIN or RST, as it was."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from port_linker.mux.ending import reset_socket, unacknowledged_bytes
from tests.fakes.stdio_pair import WAIT_S, StdioPair
from tests.fakes.waiting import until

ANSWER = bytes(range(256)) * 1024  # more than a first window
REQUEST_BYTES = 2_000_000
TCP_CLOSE = 7


@asynccontextmanager
async def connected(pair: StdioPair) -> AsyncIterator[tuple[socket.socket, socket.socket]]:
    """A client's socket and the service's, joined by the tunnel."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        server.setblocking(False)
        client.setblocking(False)
        binding = pair.mirror(server.getsockname()[1])
        await loop.sock_connect(client, binding.sock.getsockname())
        served, _ = await loop.sock_accept(server)
        with served:
            served.setblocking(False)
            yield client, served


async def receive(sock: socket.socket) -> tuple[bytes, str]:
    """Return all that comes, and how it ends."""
    loop, got = asyncio.get_running_loop(), bytearray()
    async with asyncio.timeout(WAIT_S):
        try:
            while data := await loop.sock_recv(sock, 1 << 20):
                got += data
        except ConnectionResetError:
            return bytes(got), "RST"
        return bytes(got), "FIN"


async def send(sock: socket.socket, data: bytes) -> bool:
    """Send all of it; False if nobody takes it any more."""
    async with asyncio.timeout(WAIT_S):
        with contextlib.suppress(ConnectionError):
            await asyncio.get_running_loop().sock_sendall(sock, data)
            return True
    return False


async def answer_and_end(sock: socket.socket, how: str) -> None:
    """Read a little, send the answer, and end when the tunnel's kernel has it."""
    await asyncio.get_running_loop().sock_recv(sock, 1024)
    await send(sock, ANSWER)
    await until(lambda: unacknowledged_bytes(sock) == 0)
    if how == "FIN":
        sock.shutdown(socket.SHUT_WR)
    elif how == "RST":
        reset_socket(sock)
    elif how == "FIN, RST":
        sock.shutdown(socket.SHUT_WR)
        await until(lambda: unacknowledged_bytes(sock) == 0)
        reset_socket(sock)
    else:
        sock.close()  # which is a reset, for not all of the request was read


@pytest.mark.parametrize("how", ["FIN", "RST", "FIN, RST", "close"])
@pytest.mark.parametrize("role", ["service", "client"])
async def test_an_early_answer_is_delivered_then_its_end(
    pair: StdioPair, role: str, how: str
) -> None:
    async with connected(pair) as ends:
        early, late = ends if role == "client" else reversed(ends)
        uploading = asyncio.create_task(send(late, bytes(REQUEST_BYTES)))
        await answer_and_end(early, how)
        if how == "FIN":
            assert (await receive(late)) == (ANSWER, "FIN")
            assert len(await receive_some(early, REQUEST_BYTES - 1024)) == REQUEST_BYTES - 1024
            assert await uploading
            return
        was_sent = await uploading
        got, end = await receive(late)
        assert got == ANSWER
        # An upload that fails takes the error that a read would have shown.
        assert end == ("FIN" if how == "FIN, RST" or not was_sent else "RST")
        await until(lambda: is_closed(late))  # by the reset, also behind a FIN


def is_closed(sock: socket.socket) -> bool:
    state: int = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[0]
    return state == TCP_CLOSE


async def receive_some(sock: socket.socket, count: int) -> bytes:
    loop, got = asyncio.get_running_loop(), bytearray()
    async with asyncio.timeout(WAIT_S):
        while len(got) < count:
            got += await loop.sock_recv(sock, 1 << 20)
    return bytes(got)


@pytest.mark.parametrize("role", ["service", "client"])
async def test_a_reset_behind_a_half_close_is_told_at_once(pair: StdioPair, role: str) -> None:
    async with connected(pair) as ends:
        early, late = ends if role == "client" else reversed(ends)
        await send(early, b"request")
        early.shutdown(socket.SHUT_WR)
        assert await receive(late) == (b"request", "FIN")
        reset_socket(early)
        await until(lambda: is_closed(late))  # and nobody writes
        await until(lambda: not pair.agent.engine.flows)


async def test_a_reader_that_pauses_gets_what_came_before_a_reset(pair: StdioPair) -> None:
    async with connected(pair) as (client, served):
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                count += served.send(bytes(65536))
                await asyncio.sleep(0)
        count -= unacknowledged_bytes(served)
        reset_socket(served)
        got, end = await receive(client)
        assert len(got) >= count
        assert end == "RST"
