"""What the figures mean: pass or warn, in a sentence, with what to try. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from port_linker.doctor.answers import Probed
from port_linker.doctor.checks import (
    CLOCK,
    DIRECTORY,
    DISCOVERY,
    LIMITS_HERE,
    LIMITS_TARGET,
    PORTS,
    ROUND_TRIP,
    Check,
    Stage,
    State,
    format_took,
)
from port_linker.ports.types import LocalFacts
from port_linker.protocol.messages import Facts

SLOW_RTT_S = 0.4  # a connection costs one round trip; past it everything feels slow
SLOW_BITS_PER_S = 1e6  # a page of 1 MB takes 8 s
CLOCK_OFF_S = 5.0  # logs of both sides no longer fit together; certificates still do
FEW_DESCRIPTORS = 1024  # one per open flow
REMAP_BY = 8000  # what a port below the unprivileged ones is moved by
USUAL_EPHEMERAL = 16384  # a range that begins lower takes ports that people choose


def judge_directory(where: str | None) -> Check:
    """where: the directory that the agent is kept in, None for memory."""
    if where is not None:
        return Check(DIRECTORY, State.PASS, f"{where} can be written", facts={"path": where})
    return Check(
        DIRECTORY,
        State.WARN,
        "no directory can be written; the agent runs from memory and is sent each time",
        hint="free space, or give rights, in one of ~/.cache, /var/tmp, /tmp or /dev/shm there",
        facts={"path": None},
    )


def judge_discovery(facts: Facts, probed: Probed, services: int, took_s: float) -> Check:
    """services: how many the first scan found."""
    scan = (
        f"{services} services found; a scan takes {probed.scan_cost_ms:.1f} ms"
        f" and comes every {probed.scan_period_ms} ms"
    )
    known = {
        "source": facts.source,
        "pushed": probed.pushed,
        "services": services,
        "cost_ms": probed.scan_cost_ms,
        "period_ms": probed.scan_period_ms,
    }
    if facts.source == "sock_diag" and probed.pushed:
        found = f"sock_diag; {scan}"
        return Check(DISCOVERY, State.PASS, found, took_s, facts=known)
    found = f"{facts.source}; {scan}"
    hint = "allow netlink sock_diag there (a sandbox or an old kernel withholds it); it is faster"
    return Check(DISCOVERY, State.WARN, found, took_s, hint, facts=known)


def judge_round_trip(samples_s: Sequence[float]) -> Check:
    """samples_s: one or more measured round trips."""
    median_s = statistics.median(samples_s)
    low, high = format_took(min(samples_s)), format_took(max(samples_s))
    found = f"{format_took(median_s)} (from {low} to {high}, {len(samples_s)} pings)"
    known = {"median_ms": round(median_s * 1000, 3), "samples": len(samples_s)}
    took_s = sum(samples_s)
    if median_s <= SLOW_RTT_S:
        return Check(ROUND_TRIP, State.PASS, found, took_s, facts=known)
    hint = "a nearer way in, such as another jump host or VPN exit; each connection costs one"
    return Check(ROUND_TRIP, State.WARN, found, took_s, hint, facts=known)


def judge_rate(stage: Stage, size: int, net_s: float, took_s: float) -> Check:
    """size: bytes carried within net_s, the round trip left out. took_s: of the whole measurement.

    The figure is a lower bound: a short burst, through JSON, does not fill a fast link.
    """
    bits_per_s = size * 8 / max(net_s, 1e-6)
    found = f"at least {format_rate(bits_per_s)} ({size >> 10:,} KiB of the stdio link)"
    known = {"bits_per_s": round(bits_per_s), "bytes": size}
    if bits_per_s >= SLOW_BITS_PER_S:
        return Check(stage, State.PASS, found, took_s, facts=known)
    hint = "see what else uses the line; services with little traffic work all the same"
    return Check(stage, State.WARN, found, took_s, hint, facts=known)


def judge_stalled(stage: Stage, size: int, waited_s: float) -> Check:
    """The measurement itself did not end: that says the link is slow, not that it is broken."""
    found = f"not measured: {size >> 10:,} KiB did not arrive within {waited_s:g} s"
    hint = "the link is very slow now, or something on the way holds bytes back; try again"
    known = {"bits_per_s": None, "bytes": size}
    return Check(stage, State.WARN, found, waited_s, hint, facts=known)


def judge_clock(offset_s: float, uncertain_s: float) -> Check:
    """offset_s: the target's clock less ours. uncertain_s: half a round trip."""
    known = {"offset_ms": round(offset_s * 1000, 1)}
    if abs(offset_s) <= max(CLOCK_OFF_S, uncertain_s):
        found = f"the target's differs by {format_took(abs(offset_s))}"
        return Check(CLOCK, State.PASS, found, facts=known)
    side = "ahead of" if offset_s > 0 else "behind"
    found = f"the target's is {abs(offset_s):,.0f} s {side} this machine's"
    return Check(CLOCK, State.WARN, found, hint="set both by NTP (timedatectl)", facts=known)


def judge_target_limits(probed: Probed) -> Check:
    """How many flows the target can hold."""
    most = probed.most_descriptors
    found = f"{most:,} descriptors, one for each open connection"
    known = {"descriptors": most}
    if most >= FEW_DESCRIPTORS:
        return Check(LIMITS_TARGET, State.PASS, found, facts=known)
    hint = "raise the hard limit of open files there (ulimit -Hn, limits.conf)"
    return Check(LIMITS_TARGET, State.WARN, found, hint=hint, facts=known)


def judge_local_limits(local: LocalFacts) -> Check:
    """How many services fit here."""
    limit = min(local.max_services, local.fd_services)
    known = {"services": limit, "by_descriptors": local.fd_services}
    if local.fd_services >= local.max_services:
        found = f"room for {limit:,} services"
        return Check(LIMITS_HERE, State.PASS, found, facts=known)
    found = f"room for {limit:,} services, by this machine's descriptor limit"
    return Check(LIMITS_HERE, State.WARN, found, hint="raise it with ulimit -n", facts=known)


def judge_ports(local: LocalFacts, target: Facts) -> Check:
    """Which ports can have the same number here."""
    low, high = local.ephemeral
    start = 0 if local.is_privileged else local.unprivileged_start
    below = "every port" if start <= 1 else f"ports from {start} (below: +{REMAP_BY})"
    found = f"{below} with the same number, but for {low}-{high}, the ephemeral range"
    known = {
        "ephemeral": list(local.ephemeral),
        "unprivileged_start": start,
        "target_ephemeral": list(target.ephemeral),
        "families": list(local.families),
    }
    if low >= USUAL_EPHEMERAL:
        return Check(PORTS, State.PASS, found, facts=known)
    hint = "lift it for ports that you need with --allow PORT"
    return Check(PORTS, State.WARN, found, hint=hint, facts=known)


def format_rate(bits_per_s: float) -> str:
    """Return "9.6 kbit/s", "87 Mbit/s" or "1.2 Gbit/s"."""
    for unit, size in (("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3)):
        if bits_per_s >= size:
            value = bits_per_s / size
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return f"{bits_per_s:.0f} bit/s"
