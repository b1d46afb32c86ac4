"""Messages of sock_diag: recorded, cut, hostile."""

from __future__ import annotations

import contextlib
import struct
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.model import Proto
from port_linker.scan.rows import Row, ScanFormatError, Table
from port_linker.scan.sockdiag import (
    ClosedSocket,
    encode_closed_filter,
    encode_dump_request,
    parse_closed,
    parse_dump_part,
)
from tests.scan.samples import (
    DONE,
    DUAL,
    V6ONLY,
    attribute,
    error_message,
    socket_message,
)

TCP_PROTOCOL, UDP_PROTOCOL = attribute(10, b"\x06"), attribute(10, b"\x11")


def test_a_request_asks_for_the_services_of_one_table() -> None:
    request = encode_dump_request(Table(Proto.TCP, 6), sequence=3)
    assert struct.unpack("=IHHIIBBBBI", request[:24]) == (72, 20, 0x301, 3, 0, 10, 6, 0, 0, 1 << 10)
    assert request[24:] == bytes(48)
    request = encode_dump_request(Table(Proto.UDP, 4), sequence=1)
    assert struct.unpack("=BBBBI", request[16:24]) == (2, 17, 0, 0, 1 << 7)


def test_a_dump_gives_one_row_per_socket() -> None:
    data = (
        socket_message("127.0.0.1", 5432, uid=114, inode=21001)
        + socket_message("0.0.0.0", 22, inode=18220, attrs=attribute(21, bytes(5)))
        + socket_message("::", 80, uid=1000, inode=3, attrs=attribute(8, b"\0") + V6ONLY)
        + socket_message(
            "::1", 81, attrs=DUAL + attribute(21, (1 << 32 | 44).to_bytes(8, sys.byteorder))
        )
        + socket_message("fe80::1", 82, interface=2)
    )
    part = parse_dump_part(data, Proto.TCP)
    assert part.rows == [
        Row(Proto.TCP, "127.0.0.1", 5432, 114, 21001, False),
        Row(Proto.TCP, "0.0.0.0", 22, 0, 18220, False),
        Row(Proto.TCP, "::", 80, 1000, 3, True),
        Row(Proto.TCP, "::1", 81, 0, 1, False, cgroup=1 << 32 | 44),
        Row(Proto.TCP, "fe80::1%2", 82, 0, 1, False),
    ]
    assert (part.is_last, part.errno) == (False, 0)


def test_an_address_mapped_into_ipv6_stays_what_it_is() -> None:
    (row,) = parse_dump_part(socket_message("::ffff:127.0.0.1", 8080), Proto.TCP).rows
    assert row.host.startswith("::ffff:")


def test_a_socket_without_a_port_is_no_service() -> None:
    data = socket_message("0.0.0.0", 0) + socket_message("1.2.3.4", 5, peer_port=53)
    assert parse_dump_part(data, Proto.UDP).rows == []


def test_the_end_of_a_dump_may_carry_a_refusal() -> None:
    assert parse_dump_part(DONE, Proto.TCP) == ([], True, 0)
    assert parse_dump_part(error_message(2), Proto.TCP) == ([], True, 2)
    assert parse_dump_part(socket_message("::", 1) + DONE, Proto.TCP).is_last
    assert parse_dump_part(b"", Proto.TCP) == ([], False, 0)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (DONE[:15], "cut header"),
        (socket_message("::1", 1)[:-1], "cut message"),
        (struct.pack("=IHHII", 8, 20, 0, 0, 0), "cut message"),
        (struct.pack("=IHHII", 16, 3, 0, 0, 0), "without a status"),
        (struct.pack("=IHHII", 16, 20, 0, 0, 0), "only 16 bytes"),
        (struct.pack("=IHHII", 16, 99, 0, 0, 0), "unknown type 99"),
        (socket_message("::1", 1, attrs=b"\xff\x00\x0b\x00"), "cut attribute"),
        (socket_message("::1", 1, attrs=b"\x00\x00\x0b\x00"), "cut attribute"),
    ],
)
def test_nonsense_is_named(data: bytes, words: str) -> None:
    with pytest.raises(ScanFormatError, match=words):
        parse_dump_part(data, Proto.TCP)


def test_an_unknown_family_is_nonsense() -> None:
    message = bytearray(socket_message("::1", 1))
    message[16] = 40
    with pytest.raises(ScanFormatError, match="family 40"):
        parse_dump_part(bytes(message), Proto.TCP)


def test_notices_name_what_was_closed() -> None:
    data = (
        socket_message("127.0.0.1", 80, inode=0, attrs=TCP_PROTOCOL + attribute(2, bytes(280)))
        + socket_message("fe80::1", 53, interface=3, attrs=UDP_PROTOCOL)
        + socket_message("127.0.0.1", 80, peer_port=5000, attrs=TCP_PROTOCOL)
        + socket_message("127.0.0.1", 0, attrs=UDP_PROTOCOL)
        + socket_message("127.0.0.1", 81)  # of a protocol that is not told
        + struct.pack("=IHHII", 16, 99, 0, 0, 0)
    )
    assert parse_closed(data) == [
        ClosedSocket(Proto.TCP, "127.0.0.1", 80),
        ClosedSocket(Proto.UDP, "fe80::1%3", 53),
    ]


def test_a_filter_is_whole_steps() -> None:
    assert len(encode_closed_filter()) == 4 * 8


MESSAGES = st.builds(
    socket_message,
    st.sampled_from(["127.0.0.1", "::", "::1", "fe80::1"]),
    st.integers(0, 65535),
    uid=st.integers(0, 2**32 - 1),
    inode=st.integers(0, 2**32 - 1),
    attrs=st.binary(max_size=24),
    kind=st.sampled_from([2, 3, 20]),
)


@given(st.one_of(st.binary(max_size=300), st.lists(MESSAGES, max_size=3).map(b"".join)))
def test_any_bytes_parse_or_are_refused_by_name(data: bytes) -> None:
    for parse in (lambda: parse_dump_part(data, Proto.TCP), lambda: parse_closed(data)):
        try:
            parse()
        except ScanFormatError:
            continue


@given(st.lists(MESSAGES, min_size=1, max_size=3), st.data())
def test_a_message_cut_anywhere_is_refused_or_left_out(
    messages: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(messages)
    cut = data.draw(st.integers(0, len(whole)))
    with contextlib.suppress(ScanFormatError):
        assert len(parse_dump_part(whole[:cut], Proto.TCP).rows) <= len(messages)


def test_two_thousand_sockets_parse_in_a_few_milliseconds() -> None:
    data = b"".join(
        socket_message("::1" if n % 2 else "127.0.0.1", n, inode=n, attrs=V6ONLY)
        for n in range(1, 2001)
    )

    def measure() -> float:
        started = time.thread_time()
        assert len(parse_dump_part(data, Proto.TCP).rows) == 2000
        return time.thread_time() - started

    assert (
        min(measure() for _ in range(5)) < 0.1
    )  # 3.3 ms when measured, 2026-11-21; under coverage and load 22
