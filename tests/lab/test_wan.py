"""The delay line: what a direction does to packets, and what ping sees across two namespaces."""

from __future__ import annotations

import threading
import time

import pytest

from tests.lab.pair import HOST4, TARGET4
from tests.lab.wan import Direction, Path, make_wan_pair


def test_a_packet_comes_out_after_the_delay() -> None:
    way = Direction(Path(delay_s=0.03), 1)
    way.enter(b"a", 1.0)
    way.enter(b"b", 1.01)
    assert way.due() == pytest.approx(1.03)
    assert way.leave(1.029) == []
    assert way.leave(1.0301) == [b"a"]
    assert way.leave(2.0) == [b"b"]
    assert way.due() is None


def test_a_rate_spaces_packets_and_a_full_queue_loses_them() -> None:
    way = Direction(Path(rate_bit_s=8_000, queue_bytes=2_500), 1)
    for _ in range(4):
        way.enter(bytes(1_000), 0.0)
    assert [due for due, _ in way.held] == pytest.approx([1.0, 2.0])


def test_loss_and_darkness() -> None:
    way = Direction(Path(loss=0.5), 1)
    for _ in range(1_000):
        way.enter(b"x", 0.0)
    assert 400 < len(way.leave(0.0)) < 600
    way.path.dark = True
    way.enter(b"x", 0.0)
    assert way.leave(0.0) == []


@pytest.mark.lab
def test_a_connection_takes_a_round_trip_and_darkness_is_dark() -> None:
    pair, wan = make_wan_pair(delay_s=0.02)
    try:
        with pair.target.listen(TARGET4, 7000):
            took = []
            for _ in range(9):
                begin = time.monotonic()
                pair.host.connect(TARGET4, 7000).close()
                took.append(time.monotonic() - begin)
            assert 0.04 <= min(took) < 0.08, took  # a busy machine makes some longer, none shorter
            wan.set(dark=True)
            with pytest.raises(TimeoutError):
                pair.host.connect(TARGET4, 7000, 0.2)
    finally:
        wan.close()
        pair.close()


@pytest.mark.lab
def test_the_line_carries_200_megabit_a_second() -> None:
    pair, wan = make_wan_pair(delay_s=0.001)
    size = 20 << 20
    try:
        with (
            pair.target.listen(TARGET4, 7000) as listening,
            pair.host.connect(TARGET4, 7000) as near,
        ):
            far, peer = listening.accept()
            assert peer[0] == HOST4
            sender = threading.Thread(target=near.sendall, args=(bytes(size),))
            begin = time.monotonic()
            sender.start()
            got = 0
            while got < size:
                got += len(far.recv(1 << 18))
            mbit_s = size * 8 / (time.monotonic() - begin) / 1e6
            sender.join()
            far.close()
    finally:
        wan.close()
        pair.close()
    print(f"delay line: {mbit_s:.0f} Mbit/s")
    assert mbit_s > 100  # 2 shared cores; 200 and more when they are free
