"""QUIC, much data: on a fast wire, and on emulated long and lossy paths."""

from __future__ import annotations

from typing import Any

from bench.quic_stage import PORTS, QuicStage, quic_stage
from bench.report import Row, median
from bench.stage import OURS, RAW, SSH
from bench.tools import path_commands, wan_pair

WAYS = (OURS, SSH, RAW)
DIRECTIONS = (("up", "sink"), ("down", "source"))
LONG_S, SKIP_S = 23.0, 3.0
FAST_FIGURES = {("up", 1): 1.2, ("down", 1): 1.4, ("up", 8): 1.2, ("down", 8): 1.2}


def veth(quick: bool) -> list[Row]:
    """One flow and eight on a wire without delay, the three ways in turn, medians."""
    seconds, rounds = (2.5, 3) if quick else (4.5, 7)
    with quic_stage(["sink", "source"]) as on:
        return [
            fast(on, direction, role, flows, seconds, rounds)
            for flows in (1, 8)
            for direction, role in DIRECTIONS
        ]


def fast(on: QuicStage, direction: str, role: str, flows: int, seconds: float, rounds: int) -> Row:
    """Measure one direction on the fast wire."""
    samples: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, rates in samples.items():
            rates.append(bulk(on, direction, way, role, flows, seconds, 0.5)["late"] / 1e9)
    middle = {way: median(rates) for way, rates in samples.items()}
    floor = FAST_FIGURES[direction, flows]
    return Row(
        f"quic veth, {flows} flow{'s' * (flows > 1)} {direction}",
        f"≥ {floor} x ssh -L; the goal is 1.5",
        middle[OURS],
        "Gbit/s",
        middle[OURS] >= floor * middle[SSH],
        {SSH: middle[SSH], RAW: middle[RAW]},
        samples,
    )


def bulk(
    on: QuicStage, direction: str, way: str, role: str, flows: int, seconds: float, skip: float
) -> Any:
    """Run one bulk load; return its rates in bit/s."""
    timeout_s = seconds + 60
    return on.load(direction, way, PORTS[role], flows, seconds, skip, timeout_s=timeout_s)


def clean(quick: bool) -> list[Row]:
    """60 ms, 200 Mbit/s, nothing lost: beside what raw TCP carries."""
    return far(quick, 60, 200, 0.0)


def lossy(quick: bool) -> list[Row]:
    """The same with random loss each way."""
    return [*far(quick, 60, 200, 0.005), *far(quick, 60, 200, 0.02)]


def distant(quick: bool) -> list[Row]:
    """300 ms, 50 Mbit/s, 1 % lost."""
    return far(quick, 300, 50, 0.01)


def far(quick: bool, trip_ms: float, mbit_s: float, loss: float) -> list[Row]:
    """Measure both directions over an emulated path with a queue of one product."""
    seconds = 11.0 if quick else LONG_S
    with (
        wan_pair(*path_commands(trip_ms, mbit_s, loss, trip_ms / 1e3)) as (pair, _),
        quic_stage(["sink", "source"], pair) as on,
    ):
        return [
            far_row(on, direction, role, seconds, (trip_ms, mbit_s, loss))
            for direction, role in DIRECTIONS
        ]


def far_row(
    on: QuicStage, direction: str, role: str, seconds: float, path: tuple[float, float, float]
) -> Row:
    """Measure one direction; what is judged begins after the first seconds."""
    trip_ms, mbit_s, loss = path
    runs = {way: bulk(on, direction, way, role, 1, seconds, SKIP_S) for way in WAYS}
    late = {way: run["late"] / 1e6 for way, run in runs.items()}
    share = {0.0: 0.95, 0.01: 0.75}.get(loss, 0.80)
    base = late[RAW] if loss == 0 else mbit_s
    return Row(
        f"quic {trip_ms:g} ms, {mbit_s:g} Mbit/s, {loss:.1%} lost, {direction}",
        f"≥ {share} of {'raw TCP' if loss == 0 else 'the rate'}",
        late[OURS],
        "Mbit/s",
        late[OURS] >= share * base,
        {SSH: late[SSH], RAW: late[RAW]},
        note=f"{late[OURS] / base:.2f}; first {SKIP_S:g} s {runs[OURS]['early'] / 1e6:.0f} Mbit/s",
    )
