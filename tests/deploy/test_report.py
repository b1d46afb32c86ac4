"""Stage 0's report, found in any noise and parsed without trust."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.deploy import report
from port_linker.deploy.report import (
    DirFound,
    PythonFound,
    ReportReader,
    TargetReport,
    parse_report,
)
from port_linker.errors import TargetError

NONCE = "0123456789abcdef"
BODY = (
    b"os=Linux\narch=x86_64\nuid=1000\npython=? /opt/python3\n"
    b"python=3.11.2 /usr/bin/python3\ndir=w /home/ann/.cache\ndir=wx /tmp\n"
)
WHOLE = f"PL1-STAGE0 {NONCE} begin\n".encode() + BODY + f"PL1-STAGE0 {NONCE} end\n".encode()
EXPECTED = TargetReport(
    "Linux",
    "x86_64",
    1000,
    (PythonFound("/opt/python3", None), PythonFound("/usr/bin/python3", (3, 11, 2))),
    (DirFound("/home/ann/.cache", True, False), DirFound("/tmp", True, True)),
)


@given(st.binary(max_size=200), st.lists(st.integers(0, 600), max_size=8))
def test_the_report_is_found_behind_any_noise_at_any_cut(noise: bytes, cuts: list[int]) -> None:
    data = noise + WHOLE + b"anything"
    reader = ReportReader(NONCE)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    found = None
    for start, end in zip(edges, edges[1:], strict=False):  # noqa: RUF007 - reads as what it is
        found = found or reader.feed(data[start:end])
    assert found == EXPECTED


def test_the_marker_of_another_login_or_an_echo_is_noise() -> None:
    reader = ReportReader(NONCE)
    assert reader.feed(WHOLE.replace(NONCE.encode(), b"f" * 16)) is None
    assert reader.feed(b"printf '%s %s begin' PL1-STAGE0 \"$nonce\"\n") is None
    assert reader.feed(WHOLE) == EXPECTED


def test_noise_has_a_bound() -> None:
    reader = ReportReader(NONCE)
    for _ in range(52):
        assert reader.feed(b"y\n" * 10_000) is None
    with pytest.raises(TargetError) as caught:
        reader.feed(b"y\n" * 10_000)
    assert caught.value.code == "PL-TARGET-NO-SHELL"


def test_a_report_has_a_bound() -> None:
    reader = ReportReader(NONCE)
    assert reader.feed(WHOLE[:60]) is None
    with pytest.raises(TargetError):
        reader.feed(b"x" * (report.MAX_REPORT_BYTES + 1))


def test_what_makes_no_sense_is_left_out() -> None:
    text = "os=Li\x1bnux\narch=\nuid=-1\nuid=x\npython=3.9 /a\npython=3.9.1 rel\nnoise\ndir=wx\n"
    text += "dir=wx /with\ttab\ndir=w- /q\npython=1.2.3 /" + "x" * 5000
    assert parse_report(text) == TargetReport(
        "Li\ufffdnux", "", None, (PythonFound("/a", None),), (DirFound("/q", True, False),)
    )


def test_a_flood_of_candidates_is_cut() -> None:
    found = parse_report("dir=wx /a\n" * 1000 + "python=3.9.1 /b\n" * 1000)
    assert len(found.dirs) == len(found.pythons) == report.MAX_CANDIDATES


@given(st.text(max_size=500))
def test_any_text_parses(text: str) -> None:
    parse_report(text)
