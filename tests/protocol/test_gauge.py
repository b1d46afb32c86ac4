"""The words by which a QUIC link is measured, and the meter."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.errors import ProtocolError
from port_linker.protocol import gauge

SECRET = "ab" * 32


@pytest.mark.parametrize("question", [gauge.QuicCount(3), gauge.QuicGauge(3, SECRET)])
def test_questions_arrive_as_they_were_asked(question: gauge.Question) -> None:
    assert gauge.parse_question(question.to_json()) == question
    assert SECRET not in repr(question)


@pytest.mark.parametrize("answer", [gauge.QuicCounted(3, 100, 2), gauge.QuicGauged(3, 45000)])
def test_answers_arrive_as_they_were_given(answer: gauge.Answer) -> None:
    assert gauge.parse_answer(answer.to_json()) == answer


@pytest.mark.parametrize(
    "message",
    [
        {"t": "quic-count"},
        {"t": "quic-count", "attempt": -1},
        {"t": "quic-count", "attempt": True},
        {"t": "quic-gauge", "attempt": 1, "secret": "ab"},
        {"t": "quic-gauge", "attempt": 1, "secret": "a " * 32},
        {"t": "quic-gauge", "attempt": 1},
    ],
)
def test_a_malformed_question_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        gauge.parse_question(message)


@pytest.mark.parametrize(
    "message",
    [
        {"t": "quic-counted", "attempt": 1, "sent": "many", "lost": 0},
        {"t": "quic-counted", "attempt": 1, "sent": 1},
        {"t": "quic-counted", "attempt": 1, "sent": 10**400, "lost": 0},
        {"t": "quic-gauged", "attempt": 1, "port": 0},
        {"t": "quic-gauged", "attempt": 1, "port": 65536},
    ],
)
def test_a_malformed_answer_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        gauge.parse_answer(message)


def test_other_words_are_not_ours() -> None:
    assert gauge.parse_question({"t": "quic-start"}) is None
    assert gauge.parse_answer({"t": "quic-ready"}) is None


def test_the_first_line_of_a_flow() -> None:
    line = gauge.encode_request(SECRET, gauge.SEND, 10**9)
    assert gauge.parse_request(line) == (SECRET, "send", gauge.MOST_BYTES)


@pytest.mark.parametrize("line", [b"", b"a send", b"a give 5\n", b"a send -5\n", b"\xff\xfe a b c"])
def test_what_is_no_request(line: bytes) -> None:
    assert gauge.parse_request(line) is None


@given(st.binary(max_size=64))
def test_any_bytes_are_a_request_or_none(line: bytes) -> None:
    gauge.parse_request(line)


def test_a_sample_arrives_as_it_was_taken() -> None:
    sample = gauge.Sample(1000, 0.5, 2000.0)
    assert gauge.parse_sample(sample.to_line()) == sample


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 99_999,
        b'{"size":-1,"took_s":1,"bytes_per_s":1}',
        b'{"size":1,"took_s":NaN,"bytes_per_s":1}',
        b'{"size":1,"took_s":1,"bytes_per_s":1e999}',
    ],
)
def test_a_malformed_sample_is_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        gauge.parse_sample(line)


def test_the_rate_is_of_the_second_half_when_the_start_is_over() -> None:
    meter = gauge.Meter(0.0)
    for step in range(101):  # 1,000 bytes each 10 ms in the first half, 4,000 in the second
        meter.add(1000 if step <= 50 else 4000, 5.0 + step / 100)
    sample = meter.sample()
    assert sample.size == 51 * 1000 + 50 * 4000
    assert sample.took_s == pytest.approx(1.0)
    assert sample.bytes_per_s == pytest.approx(400_000)


def test_a_sample_of_one_piece_has_no_rate() -> None:
    meter = gauge.Meter(0.0)
    assert meter.sample() == gauge.Sample(0, 0.0, 0.0)
    meter.add(5000, 1.0)
    assert meter.sample() == gauge.Sample(5000, 0.0, 0.0)


@given(st.lists(st.tuples(st.floats(0, 0.1), st.integers(0, 65536))))
def test_a_meter_is_bounded_and_never_negative(steps: list[tuple[float, int]]) -> None:
    meter, now = gauge.Meter(0.0), 0.0
    for passed_s, size in steps:
        now += passed_s
        meter.add(size, now)
    sample = meter.sample()
    assert sample.size == sum(size for _, size in steps)
    assert sample.bytes_per_s >= 0
    assert len(meter._marks) <= now / 0.005 + 2
