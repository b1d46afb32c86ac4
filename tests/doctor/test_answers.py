"""What the agent answers is parsed, or is the one named error."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.doctor.answers import Probed, count_services, fill_bytes, parse_probed
from port_linker.errors import ProtocolError

GOOD: dict[str, Any] = {
    "t": "probed",
    "wall_s": 12.5,
    "most_descriptors": 4096,
    "scan": {"pushed": True, "cost_ms": 0.4, "period_ms": 100, "more": 1},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def test_a_good_answer() -> None:
    assert parse_probed(GOOD) == Probed(12.5, 4096, True, 0.4, 100)


@pytest.mark.parametrize(
    "change",
    [{"scan": 5}, {"scan": {}}, {"wall_s": math.inf}, {"wall_s": "x"}, {"most_descriptors": None}],
)
def test_a_malformed_one_is_an_error(change: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        parse_probed({**GOOD, **change})


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, JSON)))
def test_anything_parses_or_is_the_named_error(message: dict[str, Any]) -> None:
    with contextlib.suppress(ProtocolError):
        assert math.isfinite(parse_probed(message).wall_s)


def test_counting_what_came() -> None:
    assert fill_bytes({"fill": "...."}) == 4
    assert fill_bytes({"fill": 5}) == fill_bytes({}) == 0
    assert count_services({"appeared": [1, 2]}) == 2
    assert count_services({"appeared": 2}) == count_services({}) == 0
