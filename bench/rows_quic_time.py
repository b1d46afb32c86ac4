"""QUIC, little data: how long a connection, a reply or a datagram takes."""

from __future__ import annotations

from typing import Any

from bench.quic_stage import PORTS, finish, quic_stage
from bench.report import Row, median, percentile
from bench.rows_quic import WAYS
from bench.stage import OURS, RAW, SSH
from bench.tools import path_commands, wan_pair

TRIP_S = 0.060
DEEP_S = 0.5  # the deep queue of the interactive row
ECHO = PORTS["echo"]


def connect(quick: bool) -> list[Row]:
    """connect + 1 byte at 60 ms: alone, and 50 at once."""
    count, rounds = (10, 2) if quick else (40, 5)
    with (
        wan_pair(f"both delay {TRIP_S * 500}ms") as (pair, _),
        quic_stage(["echo"], pair) as on,
    ):
        alone = {way: on.load("ping", way, ECHO, count) for way in WAYS}
        at_once: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way, took in at_once.items():
                took.extend(on.load("burst", way, ECHO, 50))
    return [
        trips("quic connect + 1 byte at 60 ms", 1.05, "median", alone),
        trips("quic 50 at once at 60 ms", 1.3, "p99", at_once),
    ]


def trips(what: str, figure: float, kind: str, took: dict[str, list[float]]) -> Row:
    """Count in round trips."""
    ask = median if kind == "median" else lambda samples: percentile(samples, 0.99)
    found = {way: ask(samples) / TRIP_S for way, samples in took.items()}
    return Row(
        what,
        f"{kind} ≤ {figure} round trips",
        found[OURS],
        "round trips",
        found[OURS] <= figure,
        {SSH: found[SSH], RAW: found[RAW]},
        took,
    )


def interactive(quick: bool) -> list[Row]:
    """A byte there and back beside a bulk flow on 20 Mbit/s with a deep queue, 40 ms."""
    seconds = 10.0 if quick else 20.0
    with (
        wan_pair(*path_commands(40, 20, 0, DEEP_S)) as (pair, _),
        quic_stage(["sink", "source", "echo"], pair) as on,
    ):
        rows = []
        for direction, role in (("up", "sink"), ("down", "source")):
            found: dict[str, Any] = {}
            for way in WAYS:
                idle = median(on.load("talk", way, ECHO, 2))
                words = (1, seconds + 2, 3)
                bulk = on.begin(direction, way, PORTS[role], *words)
                busy = on.load("talk", way, ECHO, seconds)
                found[way] = (idle, busy, finish(bulk))
            rows.append(talk_row(direction, found))
    return rows


def talk_row(direction: str, found: dict[str, Any]) -> Row:
    """Judge the p99 by the idle round trip."""
    idle, busy, bulk = found[OURS]
    p99 = {way: percentile(found[way][1], 0.99) * 1e3 for way in WAYS}
    return Row(
        f"quic reply beside bulk {direction}, 20 Mbit/s, queue of {DEEP_S:g} s, p99",
        "≤ 2.5 x idle",
        p99[OURS],
        "ms",
        p99[OURS] <= 2.5 * idle * 1e3,
        {SSH: p99[SSH], RAW: p99[RAW]},
        {way: found[way][1] for way in WAYS},
        note=f"{p99[OURS] / idle / 1e3:.2f} x {idle * 1e3:.0f} ms; p50 {median(busy) * 1e3:.0f}; "
        f"after 3 s {percentile(busy[len(busy) // 5 :], 0.99) * 1e3:.0f}; "
        f"bulk {bulk['late'] / 1e6:.1f} Mbit/s",
    )


def short(quick: bool) -> list[Row]:
    """Many short connections, 100 at once, the three ways in turn."""
    count, rounds = (4000, 2) if quick else (10_000, 3)
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    failed = 0
    with quic_stage(["echo"]) as on:
        for _ in range(rounds):
            for way, samples in rates.items():
                said = on.load("short", way, ECHO, count, 100)
                samples.append(count / said["seconds"])
                failed += said["failed"] if way == OURS else 0
    middle = {way: median(samples) for way, samples in rates.items()}
    return [
        Row(
            f"quic {count:,} short connections, 100 at once",
            "≥ 1.2 x ssh -L, none failed",
            middle[OURS],
            "/s",
            middle[OURS] >= 1.2 * middle[SSH] and not failed,
            {SSH: middle[SSH], RAW: middle[RAW]},
            rates,
            note=f"{failed} failed",
        )
    ]


def udp(quick: bool) -> list[Row]:
    """Datagrams of 1,200 bytes, 20,000 a second, there and back."""
    seconds, rounds = (2, 2) if quick else (5, 3)
    runs: dict[str, list[Any]] = {OURS: [], RAW: []}
    with quic_stage(["echo"], beside=False) as on:
        for _ in range(rounds):
            for way, said in runs.items():
                said.append(on.load("udp", way, ECHO, 20_000, seconds, 1200))
    lost = {
        way: median([1 - x["received"] / x["sent"] for x in said]) for way, said in runs.items()
    }
    p99 = {way: median([x["p99"] for x in said]) for way, said in runs.items()}
    each = {way: [x["p99"] for x in said] for way, said in runs.items()}
    return [
        Row(
            "quic UDP echo, 1,200 bytes, 20,000/s, p99",
            "≤ 0.1 % lost, p99 ≤ raw + 2 ms",
            p99[OURS],
            "ms",
            lost[OURS] <= 0.001 and p99[OURS] <= p99[RAW] + 2,
            {RAW: p99[RAW]},
            each,
            note=f"lost {lost[OURS]:.3%}, raw {lost[RAW]:.3%}",
        )
    ]
