"""Changes of this machine's network are told once per change."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys

import pytest

from port_linker.session import routes
from port_linker.session.routes import RouteWatcher
from tests.fakes.waiting import until


class FakeNetlink:
    """A socket that a test can write to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.far, self.near = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.near.setblocking(False)
        monkeypatch.setattr(routes, "open_route_socket", lambda: self.near)


async def test_a_dozen_messages_are_one_change(monkeypatch: pytest.MonkeyPatch) -> None:
    netlink = FakeNetlink(monkeypatch)
    monkeypatch.setattr(routes, "SETTLE_S", 0.02)
    told: list[None] = []
    watcher = RouteWatcher(lambda: told.append(None))
    for _ in range(12):
        netlink.far.send(b"news")
    await until(lambda: told)
    netlink.far.send(b"more")
    await until(lambda: len(told) == 2)
    watcher.close()
    watcher.close()
    assert netlink.near.fileno() == -1
    netlink.far.close()


async def test_after_its_end_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    netlink = FakeNetlink(monkeypatch)
    watcher = RouteWatcher(lambda: pytest.fail("told"))
    netlink.far.send(b"news")
    await until(lambda: watcher._timer is not None)
    watcher.close()
    watcher._on_readable()  # what the loop had noted already
    netlink.far.close()


async def test_without_netlink_there_is_nothing_to_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> socket.socket:
        raise OSError(errno.EPERM, "a sandbox")

    monkeypatch.setattr(routes, "open_route_socket", refuse)
    RouteWatcher(lambda: None).close()


async def test_the_groups_need_no_privilege() -> None:
    watcher = RouteWatcher(lambda: None)
    assert watcher._sock is not None
    watcher.close()
    await asyncio.sleep(0)


def test_a_socket_that_cannot_join_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoJoin(socket.socket):
        def bind(self, _address: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("port_linker.session.routes.socket.socket", NoJoin)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="not permitted"):
        routes.open_route_socket()
    assert len(os.listdir("/proc/self/fd")) == before


PROGRAM = """
import asyncio, ctypes, os, subprocess
from port_linker.session.routes import RouteWatcher
if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:
    raise OSError(ctypes.get_errno(), "unshare")

async def main():
    told = asyncio.Event()
    watcher = RouteWatcher(told.set)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    async with asyncio.timeout(5):
        await told.wait()
    watcher.close()

asyncio.run(main())
"""


@pytest.mark.lab
def test_a_link_that_comes_up_is_told() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=20)
