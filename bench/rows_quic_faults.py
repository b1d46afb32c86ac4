"""QUIC in trouble: another address, darkness, noise thrown at its port."""

from __future__ import annotations

import time
from typing import Any

from tests.lab.hosts import TARGET4
from tests.lab.pair import DEVICE, HOST4, MOVED4

from bench import tools
from bench.quic_stage import PORTS, QuicStage, finish, quic_stage
from bench.report import Row, median
from bench.stage import OURS
from bench.tools import Wan, path_commands, wan_pair

SOURCE = PORTS["source"]


def roam(quick: bool) -> list[Row]:
    """The host gets another address in mid-transfer, twice: known to it, and behind its back."""
    del quick  # it is quick as it is
    with (
        wan_pair(*path_commands(40, 100, 0, 0.04)) as (pair, wan),
        quic_stage(["source"], pair, beside=False) as on,
    ):
        seen = faulted(on, 8, lambda: wan.say("address 10.77.0.77"))
        rows = [fault_row("quic address changed by a NAT", 1.0, seen)]
        wan.say("address off")
        seen = faulted(on, 8, lambda: move(on))
        return [*rows, fault_row("quic host has another address", 1.0, seen)]


def move(on: QuicStage) -> None:
    """Give the host another address, as roaming does."""
    on.lab.host.ip("addr", "del", f"{HOST4}/24", "dev", DEVICE)
    on.lab.host.ip("addr", "add", f"{MOVED4}/24", "dev", DEVICE)


def blackout(quick: bool) -> list[Row]:
    """Nothing passes for a minute; the same flow goes on."""
    dark_s = 10 if quick else 60
    with (
        wan_pair(*path_commands(40, 100, 0, 0.04)) as (pair, wan),
        quic_stage(["source"], pair, beside=False) as on,
    ):
        seen = faulted(on, dark_s + 14, lambda: darken(wan, dark_s))
    return [fault_row(f"quic blackout of {dark_s} s", 5.0, seen)]


def darken(wan: Wan, seconds: float) -> None:
    """Lose everything for some seconds; return when light is back."""
    wan.say("both dark on")
    time.sleep(seconds)
    wan.say("both dark off")


def faulted(on: QuicStage, seconds: float, fault: Any) -> Any:
    """Watch a checked download, make the fault after 3 s, and return what was seen.

    "after" is the time from the fault's end to the first progress that it did not see coming.
    """
    watching = on.begin("watch", OURS, SOURCE, seconds)
    time.sleep(3)
    fault()
    end = time.time()
    said = finish(watching)
    gaps = [(b - a, b) for a, b in zip(said["times"], said["times"][1:], strict=False)]
    came = [at for gap, at in gaps if at > end and gap > 0.02]
    said["after"] = came[0] - end if came else 0.0
    said["went on"] = said["times"][-1] > end + 1
    return said


def fault_row(what: str, figure_s: float, seen: Any) -> Row:
    """Judge by when it went on, and by the bytes."""
    whole = seen["wrong"] == 0 and seen["went on"]
    return Row(
        what,
        f"same flow goes on ≤ {figure_s:g} s, 0 bytes wrong",
        seen["after"],
        "s",
        whole and seen["after"] <= figure_s,
        note=f"{seen['wrong']} of {seen['bytes'] / 1e6:,.0f} MB wrong",
    )


def garbage(quick: bool) -> list[Row]:
    """Noise at the target's UDP port, 10,000 packets a second, beside a transfer."""
    seconds, rounds = (3.0, 2) if quick else (5.0, 3)
    alone, beside = [], []
    path = path_commands(20, 300, 0, 0.02)
    with wan_pair(*path) as (pair, _), quic_stage(["source"], pair, beside=False) as on:
        port = udp_port(on)
        for _ in range(rounds):
            alone.append(on.load("down", OURS, SOURCE, 1, seconds, 1)["late"] / 1e6)
            words = [tools.LOAD, "garbage", TARGET4, str(port), "10000", str(seconds + 1)]
            noise = on.lab.host.start(*words)
            beside.append(on.load("down", OURS, SOURCE, 1, seconds, 1)["late"] / 1e6)
            noise.wait(seconds + 20)
    share = median(beside) / median(alone)
    return [
        Row(
            "quic beside 10,000 packets/s of noise",
            "≥ 0.8 of its speed",
            share,
            "",
            share >= 0.8,
            samples={"alone": alone, "beside": beside},
            note=f"{median(beside):.0f} of {median(alone):.0f} Mbit/s",
        )
    ]


def udp_port(on: QuicStage) -> int:
    """Return the port of the target's sidecar."""
    pid = f"pid={on.sidecars()[1].pid},"
    lines = on.lab.target.run("ss", "-Hlunp").splitlines()
    ports = [int(line.split()[3].rpartition(":")[2]) for line in lines if pid in line]
    return next(port for port in ports if 60_000 <= port <= 61_000)
