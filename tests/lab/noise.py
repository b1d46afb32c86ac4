"""Throws garbage at a UDP port: python3 noise.py ADDRESS PORT PER_S MOST. Standard library alone.

Random bytes, and what looks like QUIC: long headers of version 1 and of others, short headers.
Ends after MOST packets or with the end of stdin, and says how many there were and in how many
seconds.
"""

from __future__ import annotations

import random
import select
import socket
import sys
import time

SIZES = (1, 7, 32, 200, 1200)
HEADS = (b"", b"\xc3\0\0\0\1\x10", b"\xc0\xba\xba\xba\xba\x08", b"\x40", b"\x21\1\0\0\0\0\0\0")
PERIOD_S = 0.01
KINDS = 100  # made beforehand: the sender must keep up on a busy machine


def throw(sock: socket.socket, per_s: int, most: int) -> tuple[int, float]:
    """Send; return the number of packets and the seconds it took."""
    noise = random.Random(1)
    packets = [
        HEADS[i % len(HEADS)] + noise.randbytes(SIZES[i // len(HEADS) % len(SIZES)])
        for i in range(KINDS)
    ]
    begin, sent = time.monotonic(), 0
    while sent < most and not select.select([sys.stdin], [], [], PERIOD_S)[0]:
        due = min(most, int((time.monotonic() - begin) * per_s))
        for number in range(sent, due):
            try:
                sock.send(packets[number % KINDS])
            except OSError:  # a full queue loses it, as a router would
                continue
        sent = max(sent, due)
    return sent, time.monotonic() - begin


if __name__ == "__main__":
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.connect((sys.argv[1], int(sys.argv[2])))
        print(*throw(made, int(sys.argv[3]), int(sys.argv[4])))
