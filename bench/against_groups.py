"""What bench.against measures of each build: short forms of the rows, all on one stage a group."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psutil
from tests.lab.probe import first_byte_s
from tests.lab.services import Services, greet
from tests.lab.shell import LabError

from bench import tools
from bench.quic_stage import PORTS, QuicStage
from bench.report import median, percentile
from bench.rows_load import listen_many, raise_descriptor_limit, settle
from bench.rows_quic_faults import darken, faulted, udp_port
from bench.rows_quic_many import stall
from bench.stage import OURS, Stage, cpu_share, rss_mb
from bench.tools import Wan, path_commands, wan_pair

GREETER = 7100
ECHO, SINK, SOURCE = PORTS["echo"], PORTS["sink"], PORTS["source"]
Figures = dict[str, float]


@dataclass
class Turn:
    """One build on a stage; begin is when its command was started (monotonic)."""

    on: Any
    begin: float


@dataclass(frozen=True)
class Group:
    """A stage, the words of the command line, and what is measured there."""

    stage: Callable[[], contextlib.AbstractContextManager[Stage]]
    measure: Callable[[Turn], Figures]
    words: tuple[str, ...] = ()


# Over ssh alone


@contextlib.contextmanager
def plain_stage() -> Iterator[Stage]:
    """A wire without delay, served by traffic.py."""
    raise_descriptor_limit()
    on = Stage()
    try:
        with Services(on.lab.target) as services:
            services.tcp(greet, GREETER)
            for role, port in (("sink", SINK), ("source", SOURCE), ("echo", ECHO)):
                on.serve(role, port)
            yield on
    finally:
        on.close()


def over_ssh(turn: Turn) -> Figures:
    """The stdio link: start, one flow, connections, a service that comes."""
    on = turn.on
    found = {"start_s": first_byte_s(on.lab, GREETER, turn.begin, timeout_s=10)}
    for name, role, port in (("up_bit", "push", SINK), ("down_bit", "pull", SOURCE)):
        size, took = on.client(role, OURS, port, "1.5").split()
        found[name] = int(size) * 8 / float(took)
    found["connect_ms"] = median(on.ping(OURS, ECHO, 100)) * 1e3
    with Services(on.lab.target) as services:
        came = []
        for port in range(7200, 7206):
            time.sleep(0.05)  # so that the scans' phase is not always the same
            begin = time.monotonic()
            services.tcp(greet, port)
            came.append(first_byte_s(on.lab, port, begin))
    return {**found, "late_bind_ms": median(came) * 1e3}


def at_rest(turn: Turn) -> Figures:
    """Memory and processor of both sides: at rest with 200 services, then with 1,000 flows."""
    on = turn.on
    held = listen_many(on, 10_000, 200)
    on.programs[-1].wait_service(10_199)
    host = psutil.Process(on.programs[-1].process.pid)
    settle(on.agent())
    found = {"agent_mb": rss_mb(on.agent()), "host_mb": rss_mb(host)}
    found["agent_rest_cpu_s"] = cpu_share(on.agent(), 5.0)
    socks = [on.lab.connect(ECHO, timeout_s=20) for _ in range(1000)]
    for sock in socks:
        sock.sendall(b"x")
        sock.recv(1)
    found |= {"agent_busy_mb": rss_mb(on.agent()), "host_busy_mb": rss_mb(host)}
    for sock in [*socks, *held]:
        sock.close()
    return found


# Over QUIC


class PathStage(QuicStage):
    """wan: the emulated path, None where the wire has no delay."""

    wan: Wan | None = None


@contextlib.contextmanager
def quic_stage(*path: str) -> Iterator[Stage]:
    """The Rust servers, on a wire without delay or the emulated path of these commands."""
    raise_descriptor_limit()
    with contextlib.ExitStack() as stack:
        pair, wan = stack.enter_context(wan_pair(*path)) if path else (None, None)
        on = PathStage(pair)
        stack.callback(on.close)
        on.wan = wan
        for role, port in PORTS.items():
            on.serve(role, port)
        yield on


def fast(turn: Turn) -> Figures:
    """No delay: one and eight flows, short connections, datagrams, stalled neighbours, memory."""
    on = turn.on
    settle(on.sidecars()[0])
    found = {"sidecar_mb": max(map(rss_mb, on.sidecars()))}
    for flows in (1, 8):
        found[f"up{flows}_bit"] = rate(on, "up", SINK, 2, 0.5, flows)
        found[f"down{flows}_bit"] = rate(on, "down", SOURCE, 2, 0.5, flows)
    said = on.load("short", OURS, ECHO, 3000, 100)
    found |= {"short_rate": 3000 / said["seconds"], "short_lost": float(said["failed"])}
    said = on.load("udp", OURS, ECHO, 20_000, 1, 1200)
    found |= {"udp_p99_ms": said["p99"], "udp_received": float(said["received"])}
    for count in (200, 1000):
        held = stall(on, count)
        found[f"beside_{count}_bit"] = rate(on, "down", SOURCE, 2, 0.5)
        if count == 1000:
            settle(on.sidecars()[0])
            found["sidecar_stalled_mb"] = max(map(rss_mb, on.sidecars()))
        held.communicate()
    return found


def far(turn: Turn) -> Figures:
    """An emulated path: both directions after the first seconds, and those."""
    found: Figures = {}
    for name, port in (("up", SINK), ("down", SOURCE)):
        said = turn.on.load(name, OURS, port, 1, 8, 3)
        found |= {f"{name}_bit": said["late"], f"{name}_early_bit": said["early"]}
    return found


def near(turn: Turn) -> Figures:
    """60 ms: connections one by one and 50 at once, in round trips of it."""
    alone = median(turn.on.load("ping", OURS, ECHO, 10))
    at_once = percentile(turn.on.load("burst", OURS, ECHO, 50), 0.99)
    return {"connect_trips": alone / 0.06, "burst_trips": at_once / 0.06}


def beside_bulk(turn: Turn) -> Figures:
    """20 Mbit/s with a deep queue: the reply beside a bulk flow."""
    found = {}
    for name, port in (("up", SINK), ("down", SOURCE)):
        bulk = turn.on.begin(name, OURS, port, 1, 8, 3)
        busy = turn.on.load("talk", OURS, ECHO, 6)
        bulk.communicate(timeout=60)
        found[f"{name}_p99_s"] = percentile(busy, 0.99)
    return found


def in_trouble(turn: Turn) -> Figures:
    """A NAT that changes the address, darkness, noise: when the same flow goes on, and how fast."""
    on, wan = turn.on, turn.on.wan
    said = faulted(on, 6, lambda: wan.say("address 10.77.0.77"))
    wan.say("address off")
    dark = faulted(on, 14, lambda: darken(wan, 5))
    if said["wrong"] or dark["wrong"] or not (said["went on"] and dark["went on"]):
        raise LabError("a transfer broke")
    words = [tools.LOAD, "garbage", *on.address("raw", udp_port(on)), "10000", "4"]
    noise = on.lab.host.start(*words)
    beside = rate(on, "down", SOURCE, 3, 1)
    noise.wait(30)
    return {"nat_s": said["after"], "dark_s": dark["after"], "noise_bit": beside}


def rate(on: QuicStage, verb: str, port: int, seconds: float, skip: float, flows: int = 1) -> float:
    """Return the bit/s of a bulk load after its first `skip` seconds."""
    return float(on.load(verb, OURS, port, flows, seconds, skip)["late"])


def on_path(trip_ms: float, mbit_s: float, loss: float, queue_s: float, measure: Any) -> Group:
    """Return the group of an emulated path."""
    path = path_commands(trip_ms, mbit_s, loss, queue_s)
    return Group(lambda: quic_stage(*path), measure)


GROUPS = {
    "stdio": Group(plain_stage, over_ssh, ("--link", "stdio")),
    "rest": Group(plain_stage, at_rest, ("--link", "stdio")),
    "quic": Group(quic_stage, fast),
    "60ms": on_path(60, 200, 0, 0.06, far),
    "60ms-0.5%": on_path(60, 200, 0.005, 0.06, far),
    "60ms-2%": on_path(60, 200, 0.02, 0.06, far),
    "300ms-1%": on_path(300, 50, 0.01, 0.3, far),
    "connect": on_path(60, 200, 0, 0.06, near),
    "interactive": on_path(40, 20, 0, 0.5, beside_bulk),
    "trouble": on_path(40, 100, 0, 0.04, in_trouble),
}
