"""What figures mean, by example."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.doctor import checks, judge
from port_linker.doctor.answers import Probed
from port_linker.doctor.checks import Check, State
from port_linker.ports.types import LocalFacts
from port_linker.protocol.messages import Facts

PROBED = Probed(
    wall_s=0.0, most_descriptors=4096, pushed=True, scan_cost_ms=0.4, scan_period_ms=100
)
FACTS = Facts(
    uid=1000, user="alice", hostname="dev1", boot_id="b", netns="n", ephemeral=(32768, 60999),
    ssh_port=22, python="3.9.2", source="sock_diag", pid=7, wall_s=0.0,
)  # fmt: skip
LOCAL = LocalFacts(
    ephemeral=(32768, 60999),
    unprivileged_start=1024,
    is_privileged=False,
    families=(4, 6),
    max_services=2000,
    fd_services=9000,
)


def is_kind(check: Check) -> bool:
    """Whether a warning says what to try, and nothing else does."""
    return check.state in (State.PASS, State.WARN) and bool(check.hint) is (
        check.state is State.WARN
    )


def test_no_directory_is_a_warning() -> None:
    assert judge.judge_directory("/home/alice/.cache").state is State.PASS
    check = judge.judge_directory(None)
    assert check.state is State.WARN
    assert check.facts == {"path": None}
    assert is_kind(check)


def test_discovery_is_best_by_sock_diag_that_pushes() -> None:
    check = judge.judge_discovery(FACTS, PROBED, 12, 0.1)
    assert check.state is State.PASS
    assert check.found == (
        "sock_diag; 12 services found; a scan takes 0.4 ms and comes every 100 ms"
    )
    by_text = judge.judge_discovery(replace(FACTS, source="proc"), PROBED, 1, 0.1)
    assert by_text.state is State.WARN
    assert by_text.found.startswith("proc; ")
    unpushed = judge.judge_discovery(FACTS, replace(PROBED, pushed=False), 1, 0.1)
    assert unpushed.state is State.WARN
    assert is_kind(unpushed)


def test_a_round_trip_is_told_by_its_median() -> None:
    check = judge.judge_round_trip([0.001, 0.002, 0.100])
    assert check.state is State.PASS
    assert check.found == "2.0 ms (from 1.0 ms to 100 ms, 3 pings)"
    assert check.facts["median_ms"] == 2.0
    assert judge.judge_round_trip([0.5]).state is State.WARN


@pytest.mark.parametrize(
    ("size", "net_s", "state", "words"),
    [
        (4 << 20, 0.1, State.PASS, "at least 336 Mbit/s (4,096 KiB"),
        (4 << 20, 0.0, State.PASS, "Gbit/s"),
        (4 << 20, -0.5, State.PASS, "Gbit/s"),  # the round trip was shorter this time
        (16 << 10, 2.0, State.WARN, "at least 66 kbit/s (16 KiB"),
    ],
)
def test_a_rate_is_a_lower_bound(size: int, net_s: float, state: State, words: str) -> None:
    check = judge.judge_rate(checks.DOWNLOAD, size, net_s, 1.0)
    assert check.state is state
    assert words in check.found
    assert is_kind(check)


def test_a_stalled_measurement_says_what_it_means() -> None:
    check = judge.judge_stalled(checks.UPLOAD, 64 << 10, 4.0)
    assert check.state is State.WARN
    assert check.found == "not measured: 64 KiB did not arrive within 4 s"
    assert check.facts["bits_per_s"] is None
    assert is_kind(check)


@pytest.mark.parametrize(
    ("offset_s", "uncertain_s", "state", "words"),
    [
        (0.01, 0.001, State.PASS, "differs by 10 ms"),
        (-8.0, 10.0, State.PASS, "differs by 8.00 s"),  # the answer itself took that long
        (3600.0, 0.1, State.WARN, "3,600 s ahead of"),
        (-60.0, 0.1, State.WARN, "60 s behind"),
    ],
)
def test_clocks(offset_s: float, uncertain_s: float, state: State, words: str) -> None:
    check = judge.judge_clock(offset_s, uncertain_s)
    assert check.state is state
    assert words in check.found
    assert is_kind(check)


def test_limits_of_the_target() -> None:
    assert judge.judge_target_limits(PROBED).state is State.PASS
    few = judge.judge_target_limits(replace(PROBED, most_descriptors=256))
    assert few.state is State.WARN
    assert "256 descriptors" in few.found


def test_limits_of_this_machine() -> None:
    assert judge.judge_local_limits(LOCAL).found == "room for 2,000 services"
    few = judge.judge_local_limits(replace(LOCAL, fd_services=300))
    assert few.state is State.WARN
    assert "300 services, by this machine's descriptor limit" in few.found


def test_ports_of_this_machine() -> None:
    check = judge.judge_ports(LOCAL, FACTS)
    assert check.state is State.PASS
    assert "ports from 1024 (below: +8000)" in check.found
    assert "every port with" in judge.judge_ports(replace(LOCAL, is_privileged=True), FACTS).found
    wide = judge.judge_ports(replace(LOCAL, ephemeral=(1024, 65535)), FACTS)
    assert wide.state is State.WARN
    assert "--allow" in (wide.hint or "")


@given(st.floats(0, 1e12))
def test_every_rate_is_short(bits_per_s: float) -> None:
    assert len(judge.format_rate(bits_per_s)) <= 11


def test_rates_have_units() -> None:
    rates = [500, 9_600, 87e6, 1.25e9]
    assert [judge.format_rate(rate) for rate in rates] == [
        "500 bit/s", "9.6 kbit/s", "87 Mbit/s", "1.2 Gbit/s",
    ]  # fmt: skip
