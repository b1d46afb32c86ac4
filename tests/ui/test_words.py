"""Figures and states in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.ports.types import ServiceState
from port_linker.session.events import ServiceEvent
from port_linker.ui import words
from tests.ui.samples import quic


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (-5, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_960, "10 kB"),
        (999_960, "1.0 MB"),
        (34_000_000, "34 MB"),
        (5e17, "500 PB"),
    ],
)
def test_bytes(count: float, text: str) -> None:
    assert words.format_bytes(count) == text


@given(st.integers(0, 10**17))
def test_bytes_stay_short(count: int) -> None:
    assert len(words.format_bytes(count)) <= 7


def test_loss() -> None:
    assert [words.format_loss(percent) for percent in (0.0, 0.04, 0.44, 9.96, 34.5)] == [
        "0 % lost", "0 % lost", "0.4 % lost", "10 % lost", "34 % lost",
    ]  # fmt: skip


def test_rates_of_both_ways() -> None:
    assert words.format_rates(0.0, 0.0) == ""
    assert words.format_rates(3000.0, 11.8e6) == "12 MB/s down, 3.0 kB/s up"
    assert words.format_rates(3000.0, 0.0) == "3.0 kB/s up"


def test_a_path_over_ssh() -> None:
    assert words.describe_path(quic(path="ssh", mtu=None, loss_percent=None)) == [
        "over ssh",
        "round trip 38 ms",
    ]


def test_rate_is_silent_where_nothing_moves() -> None:
    assert words.format_rate(0.2) == ""
    assert words.format_rate(1500) == "1.5 kB/s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (59.9, "59 s"),
        (61, "1:01"),
        (3725, "1:02:05"),
        (172_800 - 1, "47:59:59"),
        (180_000, "2 d 2 h"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert words.format_duration(seconds) == text


def test_round_trip() -> None:
    assert words.format_rtt(0.42) == "0.4 ms"
    assert words.format_rtt(38.4) == "38 ms"


@pytest.mark.parametrize(
    ("local", "text"),
    [
        ((), ""),
        (("127.0.0.1:80", "[::1]:80"), "localhost:80"),
        (("127.0.0.1:80",), "127.0.0.1:80"),
        (("127.0.0.1:80", "[::1]:8080"), "127.0.0.1:80 [::1]:8080"),
        (("odd",), "odd"),
    ],
)
def test_local(local: tuple[str, ...], text: str) -> None:
    assert words.format_local(local) == text


def test_plural() -> None:
    assert words.plural(1, "service") == "1 service"
    assert words.plural(0, "service") == "0 services"


@pytest.mark.parametrize(
    ("process", "container", "user", "text"),
    [
        ("nginx", None, "root", "80/tcp (nginx)"),
        ("nginx", "web", None, "80/tcp (web/nginx)"),
        (None, "web", None, "80/tcp (web)"),
        (None, None, "alice", "80/tcp of alice"),
        (None, None, None, "80/tcp"),
    ],
)
def test_names(process: str | None, container: str | None, user: str | None, text: str) -> None:
    event = ServiceEvent(
        0.0,
        "dev1",
        ServiceState.READY,
        "tcp",
        80,
        "0.0.0.0:80",
        process=process,
        container=container,
        user=user,
    )
    assert words.name_service(event) == text


def test_every_state_has_its_own_symbol_and_letter() -> None:
    for signs in (words.SYMBOLS, words.LETTERS):
        assert set(signs) == set(ServiceState)
        assert len(set(signs.values())) == len(ServiceState)
