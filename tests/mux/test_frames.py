"""The reader of frames: any bytes, any split, every limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.errors import ProtocolError
from port_linker.mux import frames

PAYLOADS = {
    frames.CONTROL: st.binary(max_size=300),
    frames.DATA: st.binary(max_size=3000),
    frames.FIN: st.just(b""),
    frames.CREDIT: st.binary(min_size=4, max_size=4),
    frames.DATAGRAM: st.binary(max_size=2000),
    frames.RESET: st.binary(max_size=100),
}
ONE_FRAME = st.sampled_from(sorted(PAYLOADS)).flatmap(
    lambda kind: st.tuples(st.just(kind), st.integers(0, 2**32 - 1), PAYLOADS[kind])
)


def feed(reader: frames.FrameReader, data: bytes) -> list[tuple[int, int, bytes]]:
    """Give bytes to the reader as its space allows; return copies of the frames."""
    got = []
    while data:
        space = reader.space()
        count = min(len(space), len(data))
        space[:count] = data[:count]
        got += [(kind, flow, bytes(body)) for kind, flow, body in reader.advance(count)]
        data = data[count:]
    return got


def encode(rows: list[tuple[int, int, bytes]]) -> bytes:
    return b"".join(frames.encode_header(k, f, len(body)) + body for k, f, body in rows)


@given(st.lists(ONE_FRAME, max_size=20), st.lists(st.integers(1, 4000), max_size=30))
def test_frames_come_out_as_they_went_in_at_any_split(
    rows: list[tuple[int, int, bytes]], cuts: list[int]
) -> None:
    data, reader, got = encode(rows), frames.FrameReader(), []
    for cut in cuts:
        got += feed(reader, data[:cut])
        data = data[cut:]
    got += feed(reader, data)
    assert got == rows
    assert reader.pending_bytes == 0


@given(st.lists(ONE_FRAME, min_size=1, max_size=5))
def test_frames_come_out_byte_by_byte(rows: list[tuple[int, int, bytes]]) -> None:
    reader = frames.FrameReader()
    got = [row for byte in encode(rows) for row in feed(reader, bytes([byte]))]
    assert got == rows


@given(st.binary(max_size=400))
def test_any_bytes_parse_or_raise_the_one_error(data: bytes) -> None:
    reader = frames.FrameReader()
    try:
        feed(reader, data)
    except ProtocolError:
        return
    assert reader.pending_bytes <= len(data)


def test_largest_frames_fill_the_buffer_many_times_over() -> None:
    rows = [(frames.DATA, n, bytes([n]) * frames.MAX_DATA_BYTES) for n in range(12)]
    assert feed(frames.FrameReader(), encode(rows)) == rows


@pytest.mark.parametrize("kind", sorted(frames._LIMITS))
def test_each_type_has_a_limit_at_which_it_passes_and_past_which_it_does_not(kind: int) -> None:
    limit = frames._LIMITS[kind]
    row = (kind, 1, bytes(limit))
    assert feed(frames.FrameReader(), encode([row])) == [row]
    with pytest.raises(ProtocolError, match="limit"):
        frames.encode_header(kind, 1, limit + 1)
    past = frames._HEADER.pack(kind << 56 | 1 << 24 | limit + 1)
    with pytest.raises(ProtocolError, match="announces"):
        feed(frames.FrameReader(), past)


def test_an_unknown_type_is_an_error() -> None:
    with pytest.raises(ProtocolError, match="unknown frame type 0x7f"):
        feed(frames.FrameReader(), frames._HEADER.pack(0x7F << 56))


def test_a_read_can_be_taken_in_parts() -> None:
    rows = [(frames.PING, 0, bytes(8))] * 5 + [
        (frames.CONTROL, 0, b"{}"),
        (frames.PING, 0, bytes(8)),
    ]
    reader, data = frames.FrameReader(), encode(rows)
    reader.space()[: len(data)] = data
    sizes: list[int] = []
    count = len(data)
    while not sizes or reader.has_more:
        sizes.append(len(reader.advance(count, most=3)))
        count = 0
    assert sizes == [3, 3, 1]
    assert reader.pending_bytes == 0
