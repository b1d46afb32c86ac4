"""Every event of the shared samples is understood; what is malformed raises the one error."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.errors import ProtocolError
from port_linker.link import reports
from tests.link.test_control import AB, samples

AT = "192.0.2.7:60001"
EXPECTED = [
    reports.Ready(2, "0.1.0", 4711),
    reports.Listening(60001, AB),
    reports.Connected(AT),
    reports.Adopted(1),
    reports.Released(1),
    reports.Quiet(),
    reports.Heard(),
    reports.PathChanged("relay", AT),
    reports.Closed("idle-timeout", "timed out"),
    reports.Stats(
        {"tcp/127.0.0.1:5432": reports.ServiceStats(10, 20, 1, 2, 0)},
        reports.ConnectionStats(AT, 60.5, 1452, 120000, 100, 1, 140000, 9000),
        acked_packets=60,
    ),
    reports.Logged("warning", "handshake: not finished within 5 s"),
    reports.Failed("unreachable", "no answer", "peer"),
]


def test_every_event_of_the_samples_is_understood() -> None:
    events, numbers = zip(*map(reports.parse_event, samples("event")), strict=True)
    assert list(events) == EXPECTED
    assert [number for number in numbers if number is not None] == [7, 8]


def test_what_is_unknown_is_ignored() -> None:
    assert reports.parse_event(b'{"event":"sung","song":1}') == (None, None)
    assert reports.parse_event(b'{"event":"quiet","since":1}') == (reports.Quiet(), None)


def test_flows_of_all_services_are_counted() -> None:
    row = reports.ServiceStats(flows_open=2)
    assert reports.Stats({"a": row, "b": row}, None).flows_open == 4


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"nonsense",
        b'{"event":"ready"}',
        b'{"event":"listening","port":"x","fingerprint":"a"}',
        b'{"event":"stats","services":{"a":{"up_bytes":-1}},"connection":null}',
        b'{"event":"stats","services":[],"connection":null}',
        b'{"event":"quiet","re":-1}',
        b'{"event":"quiet","re":"7"}',
        b"[" * 100_000,
    ],
)
def test_what_is_malformed_raises_the_one_error(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        reports.parse_event(line)


@given(st.binary(max_size=200))
def test_any_line_is_understood_or_refused(line: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        reports.parse_event(line)


def test_words_of_the_sidecar_are_safe_on_a_terminal() -> None:
    event, _ = reports.parse_event(b'{"event":"log","level":"info","message":"\\u001b[2J"}')
    assert isinstance(event, reports.Logged)
    assert "\x1b" not in event.message
