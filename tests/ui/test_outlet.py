"""A stream that can never stall the session."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from pathlib import Path
from typing import TextIO

import pytest

from port_linker.ui import outlet as outlet_module
from port_linker.ui.outlet import Outlet, watch_reader


class SlowReader(io.StringIO):
    """A stream whose reader has stopped until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.stuck = threading.Event()
        self.released = threading.Event()

    def write(self, text: str) -> int:
        self.stuck.set()
        assert self.released.wait(10)
        return super().write(text)


def open_outlet(stream: TextIO, limit: int = 100) -> tuple[Outlet, threading.Event]:
    left = threading.Event()
    return Outlet(stream, left.set, lambda count: f"{count} lost", limit), left


def test_lines_keep_their_order_and_close_writes_the_rest() -> None:
    stream = io.StringIO()
    outlet, left = open_outlet(stream, limit=1000)
    for number in range(500):
        outlet.put(str(number))
    outlet.close()
    outlet.put("too late")
    assert stream.getvalue().split() == [str(number) for number in range(500)]
    assert not left.is_set()


def test_a_reader_that_stops_costs_bounded_memory_and_no_final_state() -> None:
    stream = SlowReader()
    outlet, _ = open_outlet(stream, limit=2)
    outlet.put("first")
    assert stream.stuck.wait(10)  # from here on nothing is written
    outlet.put("second")
    outlet.put("third", key="a")
    for number in range(50):
        outlet.put(f"a{number}", key="a")
        outlet.put(f"b{number}", key="b")
        outlet.put(f"log {number}")
    stream.released.set()
    outlet.close(10)
    assert stream.getvalue().split("\n") == [
        "first",
        "second",
        "third",
        "50 lost",
        "a49",
        "b49",
        "",
    ]


def test_ever_new_keys_and_long_lines_cost_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlet_module, "MAX_NEWEST", 3)
    monkeypatch.setattr(outlet_module, "MAX_WAITING_CHARS", 30)
    stream = SlowReader()
    outlet, _ = open_outlet(stream, limit=1)
    outlet.put("first")
    assert stream.stuck.wait(10)
    outlet.put("second")
    for number in range(1000):
        outlet.put(f"k{number}", key=f"k{number}")
    outlet.put("x" * 30, key="k0")  # nothing of the service is better than what is no longer so
    outlet.put("k0 again", key="k0")
    assert outlet._waiting_chars == len("second" + "k1" + "k2" + "k0 again")
    stream.released.set()
    outlet.close(10)
    assert stream.getvalue().split("\n") == [
        "first",
        "second",
        "998 lost",
        "k1",
        "k2",
        "k0 again",
        "",
    ]
    assert outlet._waiting_chars == 0


def test_close_does_not_wait_for_a_reader_that_stopped() -> None:
    stream = SlowReader()
    outlet, _ = open_outlet(stream)
    outlet.put("first")
    assert stream.stuck.wait(10)
    outlet.close(wait_s=0.01)
    stream.released.set()


def test_a_reader_that_left_is_told_once_and_the_descriptor_stays_usable() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as stream:
        outlet, left = open_outlet(stream)
        outlet.put("nobody reads this")
        assert left.wait(10)
        outlet.put("nor this")
        outlet.close()
        stream.write("the interpreter's own last flush is quiet")


def test_a_stream_that_was_closed_under_us_counts_as_left() -> None:
    stream = io.StringIO()
    stream.close()
    outlet, left = open_outlet(stream)
    outlet.put("x")
    assert left.wait(10)


async def test_a_reader_that_leaves_in_silence_is_noticed() -> None:
    reader, writer = os.pipe()
    left = asyncio.Event()
    with os.fdopen(writer, "w", encoding="utf-8") as stream, watch_reader(stream, left.set):
        await asyncio.sleep(0)
        assert not left.is_set()
        os.close(reader)
        await asyncio.wait_for(left.wait(), 10)


async def test_what_is_no_pipe_is_not_watched(tmp_path: Path) -> None:
    left: list[None] = []
    with os.fdopen(os.open(tmp_path / "file", os.O_CREAT | os.O_WRONLY), "w") as file:
        for stream in (io.StringIO(), file):
            with watch_reader(stream, lambda: left.append(None)):
                await asyncio.sleep(0)
    assert left == []
