"""What it costs: memory and CPU of agent and host, and what happens with 5,000 services."""

from __future__ import annotations

import contextlib
import resource
import socket
import time

import psutil
from tests.lab.probe import exchange
from tests.lab.program import PortLinker
from tests.lab.shell import wait_until

from bench.report import Row
from bench.stage import Stage, cpu_share, rss_mb, stage

SETTLE_S = 3.0


def raise_descriptor_limit() -> None:
    """Take as many descriptors as this process may have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def listen_many(on: Stage, first: int, count: int) -> list[socket.socket]:
    """Open many listening sockets on the target."""

    def make() -> list[socket.socket]:
        return [socket.create_server(("127.0.0.1", first + n), backlog=8) for n in range(count)]

    return on.lab.target.call(make)


def agent(quick: bool) -> list[Row]:
    """The agent: resident idle, with 1,000 flows, and its share of a core at 200 services."""
    raise_descriptor_limit()
    seconds = 5.0 if quick else 20.0
    with stage([("echo", 7001)]) as on:
        program = on.link()
        held = listen_many(on, 10_000, 200)
        program.wait_service(10_199)
        settle(on.agent())
        idle, share = rss_mb(on.agent()), cpu_share(on.agent(), seconds) * 100
        host = psutil.Process(program.process.pid)
        host_share = cpu_share(host, seconds) * 100
        socks = [on.lab.connect(7001, timeout_s=20) for _ in range(1000)]
        for sock in socks:
            exchange(sock, b"x" * 1000)
        busy, host_busy = rss_mb(on.agent()), rss_mb(host)
        for sock in [*socks, *held]:
            sock.close()
    return [
        Row("agent, idle", "≤ 35 MB", idle, "MB", idle <= 35),
        Row("agent, 1,000 flows", "≤ 60 MB", busy, "MB", busy <= 60, note=f"host {host_busy:.0f}"),
        Row(
            "agent, idle at 200 services",
            "≤ 1 % of a core",
            share,
            "%",
            share <= 1.0,
            note=f"host {host_share:.2f} %",
        ),
    ]


def settle(process: psutil.Process) -> None:
    """Let a process come to rest."""
    with contextlib.suppress(psutil.TimeoutExpired):
        process.wait(SETTLE_S)


def host(quick: bool) -> list[Row]:
    """The host: 500 flows stalled and 500 echoing; growth over 50,000 connections."""
    raise_descriptor_limit()
    half = 100 if quick else 500
    with stage([("echo", 7001), ("source", 7002)]) as on:
        process = on.plain()
        socks = [on.lab.connect(7001, timeout_s=20) for _ in range(half)]
        stalled = [on.lab.connect(7002, timeout_s=20) for _ in range(half)]
        for sock in stalled:
            sock.sendall(b"60\n")  # a minute of data that nobody reads
        for _ in range(5):
            for sock in socks:
                exchange(sock, b"x" * 1000)
        settle(process)
        load, agent_load = rss_mb(process), rss_mb(on.agent())
        for sock in [*socks, *stalled]:
            sock.close()
    return [
        Row(
            f"host --plain, {half} stalled + {half} echoing",
            "≤ 90 MB",
            load,
            "MB",
            load <= 90,
            note=f"agent {agent_load:.0f} MB",
        ),
        growth(quick),
    ]


def growth(quick: bool) -> Row:
    """Return how much the host grows from the 5,000th to the 50,000th connection."""
    first, rest = (1000, 4000) if quick else (5000, 45_000)
    with stage([("echo", 7001)]) as on:
        process = on.plain()
        on.client("churn", "port-linker", 7001, str(first), "20")
        settle(process)
        before = rss_mb(process)
        said = on.client("churn", "port-linker", 7001, str(rest), "20", timeout_s=300).split()
        settle(process)
        grown = (rss_mb(process) / before - 1) * 100
    rate = rest / float(said[0])
    return Row(
        f"host, growth over {rest:,} connections",
        "≤ 5 %",
        grown,
        "%",
        grown <= 5 and said[1] == "0",
        note=f"{before:.0f} MB before; {rate:,.0f}/s, {said[1]} failed",
    )


def cap(quick: bool) -> list[Row]:
    """5,000 listeners: 2,000 bound, the rest waiting."""
    del quick  # it is quick as it is
    raise_descriptor_limit()
    with stage() as on:
        program = on.link()
        begin = time.monotonic()
        held = listen_many(on, 10_000, 5000)

        def done() -> bool:
            return count(program, "ready") == 2000 and count(program, "waiting") == 3000

        wait_until(done, "2,000 ready and 3,000 waiting", timeout_s=30, every_s=0.05)
        took = time.monotonic() - begin
        bound = on.lab.host.run("ss", "-Hltn", "src", "127.0.0.1").count("\n")
        agent_mb = rss_mb(on.agent())
        for sock in held:
            sock.close()
    return [
        Row(
            "5,000 listeners",
            "2,000 bound, the rest waiting, ≤ 10 s",
            took,
            "s",
            took <= 10 and bound == 2000,
            note=f"{bound:,} bound; agent {agent_mb:.0f} MB",
        )
    ]


def count(program: PortLinker, state: str) -> int:
    """Return how many services are in a state."""
    return sum(event["state"] == state for event in program.services().values())
