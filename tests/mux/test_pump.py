"""The pump over a socketpair: the start of a link, its noise, its faults and its end."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from port_linker.mux import events as ev
from port_linker.mux import frames
from port_linker.mux import outbox as outbox_module
from port_linker.mux import pump as pump_module
from port_linker.mux.machine import MuxMachine
from port_linker.mux.pump import Pump
from port_linker.mux.sync import sync_marker
from tests.fakes.waiting import until

SECRET = b"0123456789abcdef"
HELLO = frames.encode_header(frames.HELLO, 0, 2) + b"{}"


class Rig:
    """A pump and the far end of its pipe."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.far.setblocking(False)
        self.machine = MuxMachine()
        self.events: list[ev.MuxEvent] = []
        self.lost: list[tuple[str, bool]] = []
        self.rooms = 0
        self.is_behind = False
        self.on_events: Any = self.events.extend
        fd = self.near.fileno()
        self.pump = Pump(
            self.machine,
            (fd, fd),
            SECRET,
            lambda events: self.on_events(events),  # noqa: PLW0108 - tests put another there
            self._on_room,
            lambda reason, is_broken: self.lost.append((reason, is_broken)),
            lambda: self.is_behind,
        )

    def _on_room(self) -> None:
        self.rooms += 1

    def greet(self) -> None:
        self.far.sendall(sync_marker(SECRET) + HELLO)

    async def read(self, count: int) -> bytes:
        loop, data = asyncio.get_running_loop(), b""
        async with asyncio.timeout(10):
            while len(data) < count:
                data += await loop.sock_recv(self.far, count - len(data))
        return data


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    made.pump.close()
    made.near.close()
    made.far.close()


async def test_a_link_begins_behind_any_noise_at_any_split(rig: Rig) -> None:
    for byte in b"last login: today\n" + sync_marker(SECRET) + HELLO:
        rig.far.send(bytes([byte]))
        await asyncio.sleep(0)
    await until(lambda: rig.events == [ev.HelloArrived({})])
    assert rig.pump.received_bytes == 18 + 24 + len(HELLO)


async def test_the_marker_is_written_before_what_was_queued(rig: Rig) -> None:
    rig.machine.send_hello({})
    rig.pump.start()
    assert await rig.read(24 + len(HELLO)) == sync_marker(SECRET) + HELLO


async def test_what_comes_in_is_acknowledged_soon_on_a_quiet_link(rig: Rig) -> None:
    control = frames.encode_header(frames.CONTROL, 0, 2) + b"{}"
    rig.greet()
    rig.far.sendall(control * 3)
    ack = await rig.read(16)
    assert ack[0] == frames.ACK
    assert int.from_bytes(ack[8:], "big") == 3 * len(control)


@pytest.mark.parametrize(
    ("data", "reason", "is_broken"),
    [
        (b"", "the connection to it was closed", False),
        (sync_marker(SECRET) + b"\x01" + bytes(6) + b"\x02{}", "before its hello", False),
        (sync_marker(SECRET) + b"\x99" + bytes(7), "unknown frame", False),
        (sync_marker(SECRET) + HELLO + b"\x01" + bytes(6) + b"\x02[]", "not an object", True),
    ],
)
async def test_each_fault_ends_the_link_once_and_says_whether_it_can_go_on(
    rig: Rig, data: bytes, reason: str, is_broken: bool
) -> None:
    rig.far.sendall(data)
    rig.far.close()
    await until(lambda: rig.lost)
    ((said, broken),) = rig.lost
    assert reason in said
    assert broken is is_broken
    assert rig.pump.is_closed
    rig.pump.flush_soon()  # nothing any more
    rig.pump.close()


async def test_a_pipe_that_breaks_under_the_reader_or_the_writer(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "readv", fail)
    rig.greet()
    await until(lambda: rig.lost == [("read failed: Input/output error", False)])
    monkeypatch.undo()
    other = Rig()
    other.far.close()
    other.pump.start()
    await until(lambda: other.lost == [("write failed: Broken pipe", False)])
    other.near.close()


async def test_a_false_alarm_of_the_loop_is_nothing(rig: Rig) -> None:
    rig.pump._on_readable()
    assert rig.lost == []


async def test_a_full_pipe_is_waited_for_and_everything_arrives_in_order(rig: Rig) -> None:
    rig.machine.outbox.open(0)
    rig.pump.start()
    messages = 400
    for number in range(messages):
        rig.machine.send_control({"n": number, "pad": "x" * 4000})
    rig.pump.flush_soon()
    await until(lambda: rig.pump._is_writing)
    reader = frames.FrameReader()
    await rig.read(24)
    seen = 0
    while seen < messages:
        data = await asyncio.get_running_loop().sock_recv(rig.far, 65536)
        space = reader.space()
        space[: len(data)] = data
        for kind, _flow, payload in reader.advance(len(data)):
            assert kind == frames.CONTROL
            assert bytes(payload).startswith(b'{"n":%d,' % seen)
            seen += 1
    await until(lambda: not rig.pump._is_writing)
    assert rig.rooms


async def test_a_pump_that_is_closed_while_it_waits_writes_no_more(rig: Rig) -> None:
    rig.machine.outbox.open(0)
    rig.machine.send_control({"pad": "x" * 200_000})
    rig.machine.send_control({"pad": "x" * 200_000})
    rig.machine.send_control({"pad": "x" * 200_000})
    rig.pump.start()
    await until(lambda: rig.pump._is_writing)
    rig.pump.flush_soon()
    rig.pump.close()
    rig.pump._flush()
    assert rig.lost == []


async def test_a_handler_that_closes_the_pump_is_called_for_nothing_more(rig: Rig) -> None:
    def close(events: list[ev.MuxEvent]) -> None:
        rig.events.extend(events)
        rig.pump.close()

    rig.on_events = close
    rig.greet()
    rig.far.sendall(frames.encode_header(frames.CONTROL, 0, 2) + b"{}")
    await until(lambda: rig.events)
    assert rig.events == [ev.HelloArrived({})]


async def test_one_that_closes_it_later_ends_the_acknowledgement_too(rig: Rig) -> None:
    rig.far.sendall(sync_marker(SECRET) + HELLO)
    await until(lambda: rig.events)
    rig.far.sendall(frames.encode_header(frames.CONTROL, 0, 2) + b"{}")
    await until(lambda: rig.pump._ack_timer is not None)
    rig.on_events = lambda _events: rig.pump.close()
    rig.far.sendall(frames.encode_header(frames.CONTROL, 0, 2) + b"{}")
    await until(lambda: rig.pump.is_closed)
    assert rig.lost == []


async def test_much_work_of_one_read_leaves_turns_to_others(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pump_module, "TURN_S", 0.0)
    rig.greet()
    await until(lambda: rig.events)
    rig.events.clear()
    loop, counts = asyncio.get_running_loop(), [0]

    def take_turn() -> None:
        counts.append(len(rig.events))
        if counts[-1] < 51:
            loop.call_soon(take_turn)

    bodies = [b'{"n":%d}' % number for number in range(50)]
    rig.far.sendall(b"".join(frames.encode_header(1, 0, len(body)) + body for body in bodies))
    take_turn()
    await until(lambda: len(rig.events) == 50)
    assert rig.events == [ev.ControlArrived({"n": number}) for number in range(50)]
    rig.far.sendall(frames.encode_header(frames.PONG, 0, 8) + bytes(8))
    await until(lambda: counts[-1] == 51)
    assert max(more - less for less, more in itertools.pairwise(counts)) <= 2
    assert rig.lost == []


async def test_nonsense_in_a_later_turn_ends_the_link(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pump_module, "TURN_S", 0.0)
    rig.greet()
    await until(lambda: rig.events)
    good = frames.encode_header(frames.CONTROL, 0, 2) + b"{}"
    rig.far.sendall(good * 10 + frames.encode_header(frames.CONTROL, 0, 1) + b"{")
    await until(lambda: rig.lost)
    assert rig.lost == [("a control message is not JSON", True)]
    assert len(rig.events) == 11


async def test_what_waits_for_its_turn_ends_with_the_link(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pump_module, "TURN_S", 0.0)
    loop = asyncio.get_running_loop()

    def close_soon(events: list[ev.MuxEvent]) -> None:
        rig.events.extend(events)
        if len(rig.events) == 3:
            loop.call_soon(rig.pump.close)

    rig.on_events = close_soon
    good = frames.encode_header(frames.CONTROL, 0, 2) + b"{}"
    rig.far.sendall(sync_marker(SECRET) + HELLO + good * 10)
    await until(lambda: rig.pump.is_closed)
    await asyncio.sleep(0)
    assert 3 <= len(rig.events) < 6
    assert rig.lost == []


async def test_a_peer_that_never_takes_what_it_is_told_is_left(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "CONTROL_QUEUE_LIMIT", 10)
    rig.greet()
    await until(lambda: rig.events)
    for _ in range(11):
        rig.machine.send_control({})
    rig.far.sendall(frames.encode_header(frames.PONG, 0, 8) + bytes(8))
    await until(lambda: rig.lost)
    assert "does not take" in rig.lost[0][0]


async def test_what_the_other_end_says_waits_while_its_reader_is_behind(rig: Rig) -> None:
    rig.greet()
    await until(lambda: rig.events)
    rig.events.clear()

    def take(events: list[ev.MuxEvent]) -> None:
        rig.events.extend(events)
        rig.is_behind = True

    rig.on_events = take
    word = frames.encode_header(frames.CONTROL, 0, 2) + b"{}"
    rig.far.sendall(word * 3)
    await until(lambda: rig.events)
    rig.far.sendall(word)  # not even read
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(rig.events) == 1
    for count in (2, 3, 4):
        rig.is_behind = False
        await until(lambda count=count: len(rig.events) == count)  # type: ignore[misc]
    assert not rig.lost
