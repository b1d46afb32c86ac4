"""What stands inside frames."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.errors import ProtocolError
from port_linker.mux import payloads as pl

U32 = st.integers(0, 2**32 - 1)


@given(st.builds(pl.Opening, st.text(min_size=1), U32, U32, st.booleans()))
def test_an_opening_comes_out_as_it_went_in(opening: pl.Opening) -> None:
    assert pl.decode_opening(memoryview(pl.encode_opening(opening))) == opening


def test_an_opening_to_nothing_is_refused() -> None:
    with pytest.raises(ProtocolError, match="no service"):
        pl.decode_opening(memoryview(pl.encode_opening(pl.Opening("", 1, 1, is_udp=False))))


@given(st.binary(max_size=12))
def test_a_number_has_its_size(data: bytes) -> None:
    if len(data) == 8:
        assert pl.decode_number(pl.U64, memoryview(data)) == int.from_bytes(data, "big")
        return
    with pytest.raises(ProtocolError, match="wrong size"):
        pl.decode_number(pl.U64, memoryview(data))


def test_json_is_an_object() -> None:
    assert pl.decode_json(memoryview(json.dumps({"a": "\u00e9"}).encode())) == {"a": "\u00e9"}
    assert pl.decode_json(memoryview(pl.encode_json({"t": "bye"}))) == {"t": "bye"}


@given(st.binary(max_size=100))
def test_any_bytes_are_an_object_or_the_one_error(data: bytes) -> None:
    try:
        assert isinstance(pl.decode_json(memoryview(data)), dict)
    except ProtocolError:
        return
