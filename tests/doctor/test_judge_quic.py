"""What figures of QUIC mean, by example."""

from __future__ import annotations

import pytest

from port_linker.doctor import checks
from port_linker.doctor import judge_quic as judge
from port_linker.doctor.checks import Check, Report, State
from port_linker.errors import EXIT_UNREACHABLE
from port_linker.link.faults import SidecarFailed, explain_target
from port_linker.link.find import TunnelMissing
from port_linker.protocol.gauge import Sample

PORTS = (60000, 61000)


def is_kind(check: Check) -> bool:
    """Whether a warning says what to try, and nothing else does."""
    return bool(check.hint) is (check.state is State.WARN)


def test_the_wheel_of_the_sidecar() -> None:
    assert judge.judge_here(3_667_920, 0.3).found == "the sidecar is installed (3.7 MB)"
    check = judge.judge_missing(TunnelMissing("looked here and there"))
    assert check.state is State.WARN
    assert "pip install 'port-linker[quic]'" in (check.hint or "")
    assert check.facts["reason"] == "looked here and there"


def test_it_comes_to_the_target_once() -> None:
    sent = judge.judge_there(1_800_000, 60000, 0.3)
    assert sent.found == "the sidecar runs on the target, at UDP port 60000 (1.8 MB sent)"
    assert "it was there already" in judge.judge_there(0, 60000, 0.3).found


@pytest.mark.parametrize(
    ("reason", "is_final", "state", "hint"),
    [
        ("the sidecar is for x86_64, the target is aarch64", True, State.NOTE, ""),
        ("no UDP port of the range is free on the target", False, State.WARN, "60000-61000 with"),
        ("the executable did not arrive", False, State.WARN, "try again"),
    ],
)
def test_why_it_is_not_there(reason: str, is_final: bool, state: State, hint: str) -> None:
    check = judge.judge_not_there(explain_target(reason), is_final, PORTS, 0.3)
    assert check.state is state
    assert hint in (check.hint or "")
    assert is_kind(check)


def test_udp_that_does_not_pass_names_the_ports_to_open() -> None:
    check = judge.judge_unreachable(["192.0.2.7:60000"], PORTS, True, 3.1)
    assert check.state is State.WARN
    assert check.found == "no answer over UDP from 192.0.2.7:60000"
    assert "open 60000-61000/udp" in (check.hint or "")
    one = judge.judge_unreachable(["192.0.2.7:5353"], (5353, 5353), True, 3.1)
    assert "open 5353/udp" in (one.hint or "")


def test_behind_a_jump_host_there_is_nothing_to_repair() -> None:
    check = judge.judge_unreachable([], PORTS, False, 3.1)
    assert check.state is State.NOTE
    assert is_kind(check)
    assert judge.as_help(check).found == (
        "ssh goes through another machine, and no answer over UDP from the target, of which no"
        " address is known; everything goes over ssh"
    )


def test_what_was_asked_for_is_a_failure_with_its_code() -> None:
    check = judge.as_failure(judge.judge_unwanted(), SidecarFailed("unreachable", "no answer"))
    assert (check.state, check.code) == (State.FAIL, "PL-LINK-QUIC")
    assert check.hint
    assert Report("dev1", "ssh", [check]).exit_code == EXIT_UNREACHABLE


def test_the_path_and_what_broke_on_it() -> None:
    assert judge.judge_path("[2001:db8::7]:60000", 0.1).facts["address"] == "[2001:db8::7]:60000"
    assert is_kind(judge.judge_broken("the QUIC handshake failed", 5.0))


def test_a_round_trip_is_told_by_its_median() -> None:
    check = judge.judge_trip([0.001, 0.002, 0.100])
    assert check.found == "2.0 ms (from 1.0 ms to 100 ms, 3 bytes there and back)"
    assert check.facts == {"median_ms": 2.0, "samples": 3}


def test_throughput() -> None:
    check = judge.judge_sample(checks.QUIC_UPLOAD, Sample(16 << 20, 0.7, 25e6), 1.0)
    assert check.found == "200 Mbit/s (16,384 KiB over QUIC)"
    assert check.facts["bits_per_s"] == 200_000_000
    little = judge.judge_sample(checks.QUIC_UPLOAD, Sample(1200, 0.0, 0.0), 1.0)
    assert little.found == "not measured: 1,200 bytes came, too few to tell"
    assert is_kind(little)


@pytest.mark.parametrize(
    ("sent", "lost", "lost_there", "state"),
    [(0, 0, 0, State.PASS), (10_000, 499, 0, State.PASS), (10_000, 0, 600, State.WARN)],
)
def test_loss_of_either_direction_counts(
    sent: int, lost: int, lost_there: int, state: State
) -> None:
    check = judge.judge_loss(sent, lost, sent, lost_there)
    assert check.state is state
    assert is_kind(check)


def test_the_mtu() -> None:
    assert judge.judge_mtu(1472).found == "1,472 bytes in a UDP packet"
    assert is_kind(judge.judge_mtu(1472))
    assert judge.judge_mtu(1200).state is State.WARN
    assert is_kind(judge.judge_mtu(1200))


def test_stages_that_were_not_looked_at() -> None:
    rest = judge.skip_rest([checks.QUIC_HERE, checks.QUIC_THERE])
    assert [check.stage for check in rest] == list(judge.STAGES[2:])
    assert {check.state for check in rest} == {State.SKIP}
    assert checks.STAGES[-len(judge.STAGES) :] == judge.STAGES
