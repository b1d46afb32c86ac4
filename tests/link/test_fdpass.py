"""A line and its descriptors arrive together, also through a socket that is full."""

from __future__ import annotations

import asyncio
import os
import socket

from port_linker.link.fdpass import send_line
from port_linker.tasks import start_task


async def test_descriptors_come_with_the_line() -> None:
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        read_fd, write_fd = os.pipe()
        await send_line(here, b"one\n", [write_fd])
        os.close(write_fd)
        data, (received,), _, _ = socket.recv_fds(there, 100, 4)
        assert data == b"one\n"
        os.write(received, b"through")
        os.close(received)
        assert os.read(read_fd, 100) == b"through"
        os.close(read_fd)


async def test_a_full_socket_is_waited_for() -> None:
    here, there = socket.socketpair()
    loop = asyncio.get_running_loop()
    with here, there:
        here.setblocking(False)
        there.setblocking(False)
        filled = 0
        try:
            while True:
                filled += here.send(b"x" * 65536)
        except BlockingIOError:
            pass
        line = b"y" * 500_000 + b"\n"
        sending = start_task(send_line(here, line, [0]), "send")
        got = 0
        while got < filled + len(line):
            got += len(await loop.sock_recv(there, 1 << 20))
        await sending
