"""How much goes through: one flow up and down, many flows, a slow reader, a cut."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

from tests.lab.hosts import REPOSITORY
from tests.lab.probe import exchange

from bench.report import Row, median, percentile
from bench.stage import OURS, RAW, SSH, Stage, stage

GOAL = {"up": 0.3, "down": 0.4}


def throughput(quick: bool) -> list[Row]:
    """One TCP flow each way, the three ways in turn, medians of the rounds."""
    seconds, rounds = (2.0, 2) if quick else (4.0, 5)
    with stage([("sink", 7001), ("source", 7002)]) as on:
        on.link()
        on.forward()
        return [
            one_way(on, "up", "push", 7001, seconds, rounds),
            one_way(on, "down", "pull", 7002, seconds, rounds),
        ]


def one_way(on: Stage, name: str, role: str, port: int, seconds: float, rounds: int) -> Row:
    """Measure one direction."""
    samples: dict[str, list[float]] = {OURS: [], SSH: [], RAW: []}
    for _ in range(rounds):
        for way, rates in samples.items():
            size, took = on.client(role, way, port, str(seconds)).split()
            rates.append(int(size) * 8 / float(took) / 1e9)
    middle = {way: median(rates) for way, rates in samples.items()}
    floor = GOAL[name]
    return Row(
        f"one flow {name}",
        f"≥ {floor} x ssh -L; the goal is 0.5",
        middle[OURS],
        "Gbit/s",
        middle[OURS] >= floor * middle[SSH],
        {SSH: middle[SSH], RAW: middle[RAW]},
        samples,
    )


def thousand(quick: bool) -> list[Row]:
    """1,000 connections at once all carry data; a slow reader among them slows no other."""
    count = 200 if quick else 1000
    with stage([("echo", 7001), ("source", 7002)]) as on:
        on.link()
        socks = [on.lab.connect(7001, timeout_s=20) for _ in range(count)]
        alone = echo_ms(socks)
        slow = on.lab.connect(7002)
        slow.sendall(b"30\n")  # sends for 30 s; nobody reads
        beside = echo_ms(socks)
        slow.close()
        for sock in socks:
            sock.close()
    return [
        Row(
            f"{count:,} connections at once",
            "all carry data",
            f"{len(alone):,}",
            "answered",
            len(alone) == count,
            samples={"alone": alone},
            note=f"median {median(alone):.2f} ms, p99 {percentile(alone, 0.99):.2f} ms",
        ),
        Row(
            "the same beside a slow reader",
            "no other is slower",
            median(beside),
            "ms",
            len(beside) == count and median(beside) <= 2 * median(alone) + 1,
            samples={"beside": beside},
            note=f"alone {median(alone):.2f} ms",
        ),
    ]


def echo_ms(socks: list[socket.socket]) -> list[float]:
    """Send and receive 100 bytes on each connection; return the milliseconds of each."""
    took = []
    for number, sock in enumerate(socks):
        data = number.to_bytes(4, "big") * 25
        begin = time.monotonic()
        if exchange(sock, data) == data:
            took.append((time.monotonic() - begin) * 1e3)
    return took


def cut(quick: bool) -> list[Row]:
    """The network is gone in mid-transfer; the same test as in the suite, but longer."""
    seconds = 10 if quick else 60
    test = "tests/chaos/test_cut.py::test_the_network_is_gone_for_a_while"
    env = {**os.environ, "PORT_LINKER_CUT_S": str(seconds)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, timeout=300)
    passed = done.returncode == 0
    if not passed:
        print(done.stdout.decode(errors="replace")[-3000:], file=sys.stderr)
    return [
        Row(
            f"network gone for {seconds} s, 2 x 100 MB",
            "0 bytes lost, 0 repeated",
            "whole" if passed else "not whole",
            "",
            passed,
        )
    ]
