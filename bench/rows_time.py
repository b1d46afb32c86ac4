"""How long things take: binding, unbinding, starting, connecting."""

from __future__ import annotations

import glob
import os
import random
import shutil
import statistics
import time

from tests.lab.probe import first_byte_s, is_refused
from tests.lab.services import Services, greet
from tests.lab.shell import wait_until
from tests.lab.wan import make_wan_pair

from bench.report import Row, median, percentile
from bench.stage import OURS, RAW, SSH, Stage, stage

DELAY_S = 0.030  # one way: 60 ms there and back


def late_bind(quick: bool) -> list[Row]:
    """listen() on the target until the first byte through localhost; close until refused."""
    came, went = [], []
    with stage() as on, Services(on.lab.target) as services:
        on.link()
        for port in range(7100, 7106 if quick else 7120):
            time.sleep(random.uniform(0, 0.2))  # so that no phase of the agent's scans is favoured
            begin = time.monotonic()
            served = services.tcp(greet, port)
            came.append(first_byte_s(on.lab, port, begin))
            served.close()
            begin = time.monotonic()
            wait_until(lambda port=port: is_refused(on.lab, port), "refused", 5, 0.005)  # type: ignore[misc]
            went.append(time.monotonic() - begin)
    worst = max(came) * 1e3
    return [
        Row(
            "listen() → first byte",
            "median ≤ 250 ms, worst ≤ 1 s",
            median(came) * 1e3,
            "ms",
            median(came) <= 0.25 and worst <= 1000,
            samples={OURS: came},
            note=f"worst {worst:.0f} ms",
        ),
        Row(
            "close → local port refused",
            "≤ 1.3 s",
            max(went),
            "s",
            max(went) <= 1.3,
            samples={OURS: went},
            note="worst",
        ),
    ]


def start(quick: bool) -> list[Row]:
    """The command until its first service answers, without and with the cached bundle."""
    cold, warm = [], []
    with stage() as on, Services(on.lab.target) as services:
        services.tcp(greet, 7100)
        for _ in range(2 if quick else 5):
            forget_bundle(on)
            cold.append(once(on))
            warm.append(once(on))
        raw_ssh = [ssh_true_s(on) for _ in range(3)]
    note = f"ssh target true: {median(raw_ssh) * 1e3:.0f} ms"
    return [
        Row("start, cold cache", "≤ 3 s", median(cold), "s", max(cold) <= 3, samples={OURS: cold}),
        Row("start, warm", "≤ 1 s", median(warm), "s", median(warm) <= 1, {}, {OURS: warm}, note),
    ]


def forget_bundle(on: Stage) -> None:
    """Empty the login's cache on the target."""
    for path in glob.glob(os.path.join(on.lab.user.home, ".cache", "*")):
        shutil.rmtree(path, ignore_errors=True)


def once(on: Stage) -> float:
    """Run one session until the service answers; return the seconds."""
    begin = time.monotonic()
    program = on.link()
    took = first_byte_s(on.lab, 7100, begin, timeout_s=10)
    program.stop()
    return took


def ssh_true_s(on: Stage) -> float:
    """Return how long ssh itself takes."""
    begin = time.monotonic()
    on.lab.ssh("true")
    return time.monotonic() - begin


def connect_local(quick: bool) -> list[Row]:
    """connect, a byte out, a byte back, without delay on the wire."""
    count = 100 if quick else 500
    with stage([("echo", 7001)]) as on:
        on.link()
        on.forward()
        samples: dict[str, list[float]] = {OURS: [], SSH: [], RAW: []}
        for _ in range(3):
            for way, took in samples.items():
                on.ping(way, 7001, 20)
                took.extend(on.ping(way, 7001, count // 3))
    middle = {way: median(took) * 1e3 for way, took in samples.items()}
    return [
        Row(
            "connect + 1 byte, local",
            "≤ 2 x ssh -L",
            middle[OURS],
            "ms",
            middle[OURS] <= 2 * middle[SSH],
            {SSH: middle[SSH], RAW: middle[RAW]},
            samples,
            note=f"p99 {percentile(samples[OURS], 0.99) * 1e3:.1f} ms",
        )
    ]


def connect_far(quick: bool) -> list[Row]:
    """The same at a round trip of 60 ms, counted in round trips."""
    count = 10 if quick else 30
    pair, wan = make_wan_pair(delay_s=DELAY_S)
    try:
        with stage([("echo", 7001)], pair) as on:
            on.link()
            on.forward()
            samples = {way: on.ping(way, 7001, count) for way in (OURS, SSH, RAW)}
    finally:
        wan.close()
    trips = {way: median(took) / (2 * DELAY_S) for way, took in samples.items()}
    return [
        Row(
            "connect + 1 byte at 60 ms",
            "≤ 1.1 round trips",
            trips[OURS],
            "round trips",
            trips[OURS] <= 1.1,
            {SSH: trips[SSH], RAW: trips[RAW]},
            samples,
            note=f"spread {statistics.pstdev(samples[OURS]) * 1e3:.1f} ms",
        )
    ]
