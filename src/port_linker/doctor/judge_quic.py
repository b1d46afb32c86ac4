"""What the figures of QUIC mean: pass, note or warn, in a sentence, with what to try. Pure.

QUIC is a help, not a need: what keeps it from working is no failure, unless it was asked for.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

from port_linker.doctor.checks import (
    QUIC_DOWNLOAD,
    QUIC_HERE,
    QUIC_LOSS,
    QUIC_MTU,
    QUIC_PATH,
    QUIC_ROUND_TRIP,
    QUIC_THERE,
    QUIC_UPLOAD,
    Check,
    Stage,
    State,
    format_took,
)
from port_linker.doctor.judge import format_rate
from port_linker.errors import PortLinkerError
from port_linker.link.faults import NO_UDP_PORT, SidecarFailed
from port_linker.protocol.gauge import Sample

STAGES = (
    *(QUIC_HERE, QUIC_THERE, QUIC_PATH, QUIC_ROUND_TRIP),
    *(QUIC_DOWNLOAD, QUIC_UPLOAD, QUIC_LOSS, QUIC_MTU),
)
NOT_UP = "not looked at: QUIC is not up"
LOSSY_PERCENT = 5.0  # QUIC carries on past it; interactive work begins to feel it
LEAST_MTU = 1200  # less is no QUIC path (RFC 9000, section 14)


def judge_unwanted() -> Check:
    """--link stdio: nobody asks for QUIC."""
    return Check(QUIC_HERE, State.NOTE, "not looked at: --link stdio")


def judge_here(size: int, took_s: float) -> Check:
    """size: bytes of the executable."""
    found = f"the sidecar is installed ({size / 1e6:.1f} MB)"
    return Check(QUIC_HERE, State.PASS, found, took_s, facts={"bytes": size})


def judge_missing(error: PortLinkerError) -> Check:
    """There is no executable on this machine, or none that can be read."""
    found = "the sidecar is not installed here"
    hint = "pip install 'port-linker[quic]' into the environment of port-linker"
    return Check(QUIC_HERE, State.WARN, found, hint=hint, facts={"reason": error.message})


def judge_there(sent_bytes: int, port: int, took_s: float) -> Check:
    """sent_bytes: of the packed executable, 0 if it was there. port: where the target waits."""
    how = f"{sent_bytes / 1e6:.1f} MB sent" if sent_bytes else "it was there already"
    found = f"the sidecar runs on the target, at UDP port {port} ({how})"
    return Check(
        QUIC_THERE, State.PASS, found, took_s, facts={"sent_bytes": sent_bytes, "port": port}
    )


def judge_not_there(
    error: SidecarFailed, is_final: bool, ports: tuple[int, int], took_s: float
) -> Check:
    """is_final: it cannot work with this target, whatever is tried. ports: first and last."""
    if is_final:
        return Check(QUIC_THERE, State.NOTE, error.message, took_s)
    hint = "try again; -v shows what both sides say"
    if error.fault == NO_UDP_PORT:
        hint = f"choose other ports than {_name_ports(ports)} with --udp-port"
    return Check(QUIC_THERE, State.WARN, error.message, took_s, hint)


def judge_path(address: str, took_s: float) -> Check:
    """address: the endpoint that answered first, and that QUIC uses."""
    found = f"{address} answers over UDP"
    return Check(QUIC_PATH, State.PASS, found, took_s, facts={"address": address})


def judge_unreachable(
    addresses: Sequence[str], ports: tuple[int, int], is_direct: bool, took_s: float
) -> Check:
    """addresses: that were asked. is_direct: ssh itself connects to the target, not by a jump."""
    asked = ", ".join(addresses) or "the target, of which no address is known"
    facts = {"addresses": list(addresses)}
    if not is_direct:
        found = f"ssh goes through another machine, and no answer over UDP from {asked}"
        return Check(QUIC_PATH, State.NOTE, found, took_s, facts=facts)
    found = f"no answer over UDP from {asked}"
    hint = (
        f"open {_name_ports(ports)}/udp towards the target, in its firewall and in those on the"
        " way (cloud rules, this network's), or name a port that is open with --udp-port"
    )
    return Check(QUIC_PATH, State.WARN, found, took_s, hint, facts=facts)


def judge_broken(reason: str, took_s: float) -> Check:
    """UDP passes, but there is no connection."""
    hint = "try again; -v shows what both sides say"
    return Check(QUIC_PATH, State.WARN, reason, took_s, hint)


def judge_trip(samples_s: Sequence[float]) -> Check:
    """samples_s: one or more bytes that went there and back on a flow."""
    median_s = statistics.median(samples_s)
    low, high = format_took(min(samples_s)), format_took(max(samples_s))
    found = f"{format_took(median_s)} (from {low} to {high}, {len(samples_s)} bytes there and back)"
    known = {"median_ms": round(median_s * 1000, 3), "samples": len(samples_s)}
    return Check(QUIC_ROUND_TRIP, State.PASS, found, sum(samples_s), facts=known)


def judge_sample(stage: Stage, sample: Sample, took_s: float) -> Check:
    """took_s: of the whole measurement."""
    bits_per_s = sample.bytes_per_s * 8
    if not bits_per_s:
        return judge_unmeasured(stage, f"{sample.size:,} bytes came, too few to tell", took_s)
    found = f"{format_rate(bits_per_s)} ({sample.size >> 10:,} KiB over QUIC)"
    known = {"bits_per_s": round(bits_per_s), "bytes": sample.size}
    return Check(stage, State.PASS, found, took_s, facts=known)


def judge_unmeasured(stage: Stage, reason: str, took_s: float) -> Check:
    """The measurement itself failed: that says little of the link."""
    hint = "try again; -v shows what both sides say"
    return Check(stage, State.WARN, f"not measured: {reason}", took_s, hint)


def judge_loss(sent: int, lost: int, sent_there: int, lost_there: int) -> Check:
    """Packets of the whole connection: sent and lost from here, and from the target."""
    percent, percent_there = _percent(lost, sent), _percent(lost_there, sent_there)
    known = {"to_target_percent": percent, "from_target_percent": percent_there}
    found = (
        f"{lost:,} of {sent:,} packets lost to the target, {lost_there:,} of {sent_there:,} from it"
    )
    if max(percent, percent_there) < LOSSY_PERCENT:
        return Check(QUIC_LOSS, State.PASS, found, facts=known)
    hint = "a better place in the Wi-Fi, or a cable; QUIC carries on, at a lower speed"
    return Check(QUIC_LOSS, State.WARN, found, hint=hint, facts=known)


def judge_mtu(mtu: int) -> Check:
    """mtu: bytes in a UDP packet, as QUIC found them on the path."""
    known = {"bytes": mtu}
    if mtu > LEAST_MTU:
        return Check(QUIC_MTU, State.PASS, f"{mtu:,} bytes in a UDP packet", facts=known)
    found = f"{mtu:,} bytes in a UDP packet, the least that QUIC works with"
    hint = "see whether a VPN or tunnel on the way could take larger packets; it costs a little"
    return Check(QUIC_MTU, State.WARN, found, hint=hint, facts=known)


def as_help(check: Check) -> Check:
    """--link auto: what keeps QUIC from working costs speed, no more."""
    return replace(check, found=f"{check.found}; everything goes over ssh")


def as_failure(check: Check, error: PortLinkerError) -> Check:
    """--link quic: what keeps QUIC from working is the failure of the target then."""
    hint = check.hint or "leave --link quic out: everything works over ssh"
    exit_code, code = error.exit_code, error.code
    return replace(check, state=State.FAIL, hint=hint, code=code, exit_code=exit_code)


def skip_rest(seen: Sequence[Stage]) -> list[Check]:
    """Return a check for each stage of QUIC that was not looked at."""
    return [Check(stage, State.SKIP, NOT_UP) for stage in STAGES if stage not in seen]


def _percent(lost: int, sent: int) -> float:
    return round(100 * lost / sent, 2) if sent else 0.0


def _name_ports(ports: tuple[int, int]) -> str:
    first, last = ports
    return str(first) if first == last else f"{first}-{last}"
