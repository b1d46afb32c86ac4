"""The path of last resort hands packets through, and drops what finds no room."""

from __future__ import annotations

import asyncio

from port_linker.link.relay import Relay


class Sent:
    """The stdio link's end."""

    def __init__(self) -> None:
        self.packets: asyncio.Queue[bytes] = asyncio.Queue()

    def send(self, packet: bytes) -> bool:
        self.packets.put_nowait(packet)
        return True


async def test_packets_keep_their_borders_both_ways() -> None:
    sent = Sent()
    relay = Relay(sent.send)
    with relay.open() as theirs:
        theirs.send(b"one")
        theirs.send(b"two" * 400)
        async with asyncio.timeout(5):
            assert [await sent.packets.get() for _ in range(2)] == [b"one", b"two" * 400]
        relay.deliver(memoryview(b"back"))
        relay.deliver(memoryview(b"again"))
        assert (theirs.recv(100), theirs.recv(100)) == (b"back", b"again")
        relay.close()


async def test_a_full_socket_drops() -> None:
    relay = Relay(Sent().send)
    with relay.open() as theirs:
        for _ in range(5000):
            relay.deliver(memoryview(b"x" * 1400))
        count = 0
        try:
            while theirs.recv(2000):
                count += 1
        except BlockingIOError:
            pass
        assert 0 < count < 5000
        relay.close()


async def test_the_other_end_may_go() -> None:
    relay = Relay(Sent().send)
    theirs = relay.open()
    theirs.close()
    while relay.is_open:  # noqa: ASYNC110 - nobody is told
        await asyncio.sleep(0)
    relay.deliver(memoryview(b"nobody"))


async def test_a_new_one_replaces_the_old() -> None:
    sent = Sent()
    relay = Relay(sent.send)
    with relay.open() as first, relay.open() as second:
        assert first.recv(10) == b""
        second.send(b"new")
        async with asyncio.timeout(5):
            assert await sent.packets.get() == b"new"
    relay.close()
