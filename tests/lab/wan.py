"""A wire with delay between two namespaces: TUN devices and a child that holds packets back.

One way each: delay, rate with a queue, random loss, blackout. Enough for the 60 ms figures; the
emulator in crates/wan does more and is faster. Measured 2026-11-21: 0.8 Gbit/s on one core.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import select
import struct
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass

from tests.lab.netns import enter_namespace
from tests.lab.pair import DEVICE, Pair
from tests.lab.shell import LabError, end_process

TUNSETIFF = 0x400454CA  # linux/if_tun.h
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
PACKET = 65_536
TURN = 64  # packets from one side before the other one has its turn


@dataclass
class Path:
    """One direction. delay_s one way; rate in bit/s or None; queue in bytes; loss 0 to 1."""

    delay_s: float = 0.0
    rate_bit_s: float | None = None
    queue_bytes: int = 1 << 20
    loss: float = 0.0
    dark: bool = False


class Direction:
    """Packets on their way: what comes in, and when it comes out. Knows no clock."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path = path
        self.random = random.Random(seed)
        self.held: deque[tuple[float, bytes]] = deque()
        self.free_at = 0.0  # when the last packet so far has left the queue

    def enter(self, packet: bytes, now: float) -> None:
        """Take a packet: hold it until it is due, or lose it."""
        path = self.path
        if path.dark or (path.loss and self.random.random() < path.loss):
            return
        leaves = now
        if path.rate_bit_s:
            waiting = max(0.0, self.free_at - now) * path.rate_bit_s / 8
            if waiting + len(packet) > path.queue_bytes:
                return
            leaves = max(now, self.free_at) + len(packet) * 8 / path.rate_bit_s
            self.free_at = leaves
        self.held.append((leaves + path.delay_s, packet))

    def due(self) -> float | None:
        """Return when the next packet is due."""
        return self.held[0][0] if self.held else None

    def leave(self, now: float) -> list[bytes]:
        """Return the packets that are due."""
        out = []
        while self.held and self.held[0][0] <= now:
            out.append(self.held.popleft()[1])
        return out


class Wan:
    """The wire of a Pair(wire=False). Change the path by set(); close() takes the wire away."""

    def __init__(self, pair: Pair, **path: float | None) -> None:
        self.pair = pair
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        command = [sys.executable, "-m", "tests.lab.wan", pair.host.path, pair.target.path]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=root)
        assert self.process.stdout is not None
        if self.process.stdout.readline() != b"ready\n":
            raise LabError("the delay line did not start")
        pair.configure()
        self.set(**path)

    def set(self, **path: float | None) -> None:
        """Set fields of Path for both directions, and wait until they hold."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(path).encode() + b"\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != b"set\n":
            raise LabError("the delay line ended")

    def close(self) -> None:
        """End the child; the devices go with it."""
        end_process(self.process)


def make_wan_pair(**path: float | None) -> tuple[Pair, Wan]:
    """Return two namespaces joined by a delay line; path: fields of Path."""
    pair = Pair(wire=False)
    try:
        return pair, Wan(pair, **path)
    except BaseException:
        pair.close()
        raise


def open_tun(namespace_path: str) -> int:
    """Return the descriptor of a new TUN device in a namespace (the calling thread moves there)."""
    enter_namespace(namespace_path)
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    return tun


def carry(tuns: list[int]) -> None:
    """Carry packets between two devices until stdin ends; each line there is an object of Path."""
    ways = [Direction(Path(), seed) for seed in (1, 2)]
    print("ready", flush=True)
    while True:
        dues = [due for due in (way.due() for way in ways) if due is not None]
        wait = max(0.0, min(dues) - time.monotonic()) if dues else None
        readable = select.select([0, *tuns], [], [], wait)[0]
        if 0 in readable and not obey(ways):
            return
        for index, tun in enumerate(tuns):
            if tun in readable:
                take(ways[index], tun)
            for packet in ways[index].leave(time.monotonic()):
                put(tuns[1 - index], packet)


def obey(ways: list[Direction]) -> bool:
    """Carry out one line of stdin; False at its end."""
    line = sys.stdin.readline()
    if not line:
        return False
    for way in ways:
        for name, value in json.loads(line).items():
            setattr(way.path, name, value)
    print("set", flush=True)
    return True


def take(way: Direction, tun: int) -> None:
    """Read some packets from a device."""
    now = time.monotonic()
    try:
        for _ in range(TURN):
            way.enter(os.read(tun, PACKET), now)
    except OSError:  # no more for now, or the device is down for the moment
        return


def put(tun: int, packet: bytes) -> None:
    """Write a packet to a device; a full or closed one loses it, as a wire does."""
    try:
        os.write(tun, packet)
    except OSError:
        return


if __name__ == "__main__":
    carry([open_tun(path) for path in sys.argv[1:3]])
