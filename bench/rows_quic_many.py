"""QUIC with many flows: stalled ones, what they cost, and who gets which share."""

from __future__ import annotations

import subprocess
import time
from typing import Any

from bench.quic_stage import PORTS, QuicStage, finish, quic_stage
from bench.report import Row, median
from bench.rows_load import raise_descriptor_limit, settle
from bench.stage import OURS, RAW, cpu_share, rss_mb
from bench.tools import path_commands, wan_pair

SOURCE = PORTS["source"]
FILL_S = 30.0


def stalled(quick: bool) -> list[Row]:
    """One reader beside flows whose readers have stopped; the sidecars' memory."""
    raise_descriptor_limit()
    rounds = 3 if quick else 7
    with quic_stage(["source"], beside=False) as on:
        settle(on.sidecars()[0])
        idle = memory(on)
        rows = [share_row(on, 200, 0.8, rounds), share_row(on, 1000, 0.5, rounds)]
        held = stall(on, 1000)
        settle(on.sidecars()[0])
        loaded = memory(on)
        held.communicate()
    return [*rows, memory_row("idle", 25, idle), memory_row("with 1,000 stalled", 150, loaded)]


def stall(on: QuicStage, count: int) -> subprocess.Popen[bytes]:
    """Open flows that nobody reads."""
    held = on.begin("stall", OURS, SOURCE, count)
    assert held.stdout is not None
    assert held.stdout.readline() == b"ready\n"
    end = time.monotonic() + FILL_S
    sidecar = on.sidecars()[0]
    while cpu_share(sidecar, 0.5) > 0.1 and time.monotonic() < end:
        pass  # the kernel's buffers take half a megabyte of each before it is stalled
    return held


def share_row(on: QuicStage, count: int, least: float, rounds: int) -> Row:
    """Measure the reader alone and beside them, in turn."""
    alone, beside = [], []
    for _ in range(rounds):
        alone.append(on.load("down", OURS, SOURCE, 1, 3, 0.5)["late"] / 1e9)
        held = stall(on, count)
        beside.append(on.load("down", OURS, SOURCE, 1, 3, 0.5)["late"] / 1e9)
        held.communicate()
    share = median(beside) / median(alone)
    return Row(
        f"quic one reader beside {count:,} stalled flows",
        f"≥ {least} of its speed alone",
        share,
        "",
        share >= least,
        samples={"alone": alone, "beside": beside},
        note=f"{median(beside):.2f} of {median(alone):.2f} Gbit/s",
    )


def memory(on: QuicStage) -> list[float]:
    """Return the sidecars' resident memory in MB, host and target."""
    return [rss_mb(process) for process in on.sidecars()]


def memory_row(when: str, figure: float, found: list[float]) -> Row:
    """Judge the larger one."""
    return Row(
        f"quic sidecar, {when}",
        f"≤ {figure:g} MB",
        max(found),
        "MB",
        max(found) <= figure,
        note=f"host {found[0]:.0f}, target {found[1]:.0f}",
    )


def shares(quick: bool) -> list[Row]:
    """Two flows of ours beside one kernel TCP flow, Cubic and BBR, on one bottleneck."""
    seconds = 15.0 if quick else 30.0
    rows = []
    for kernel in ("cubic", "bbr"):
        with (
            wan_pair(*path_commands(60, 100, 0, 0.06)) as (pair, _),
            quic_stage(["sink"], pair, beside=False) as on,
        ):
            rows.append(shares_row(on, kernel, seconds))
    return rows


def shares_row(on: QuicStage, kernel: str, seconds: float) -> Row:
    """Measure one neighbour, up, after the first 5 s."""
    begun = [on.begin("up", way, PORTS["sink"], *words) for way, words in lanes(seconds, kernel)]
    ours, raw = (finish(load) for load in begun)
    total: Any = ours["late"] + raw["late"]
    share = raw["late"] / total
    mbit = [round(x / 1e6) for x in [*ours["each"], *raw["each"]]]
    return Row(
        f"quic share left to a kernel flow ({kernel}) by two of ours",
        "≥ 0.2",
        share,
        "",
        share >= 0.2,
        note=f"{mbit[0]} and {mbit[1]} of ours, {mbit[2]} Mbit/s",
    )


def lanes(seconds: float, kernel: str) -> list[tuple[str, tuple[object, ...]]]:
    """Return the way of each load and its words: flows, seconds, skip, control."""
    return [(OURS, (2, seconds, 5)), (RAW, (1, seconds, 5, kernel))]
