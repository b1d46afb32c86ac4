"""The text of /proc/net, both byte orders, any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.model import Proto
from port_linker.scan import procnet
from port_linker.scan.procnet import parse_if_inet6, parse_proc_net
from port_linker.scan.rows import Row, ScanFormatError, host_text
from tests.scan import samples

TCP_ROWS = [
    Row(Proto.TCP, "127.0.0.1", 5432, 114, 21001, False),
    Row(Proto.TCP, "0.0.0.0", 22, 0, 18220, False),
    Row(Proto.TCP, "127.0.1.1", 80, 1000, 30411, False),
]
LINK_LOCAL = bytes.fromhex("fe80000000000000024a2bfffe800a01")
TCP6_ROWS = [
    Row(Proto.TCP, "::1", 5432, 114, 21000, False),
    Row(Proto.TCP, host_text(b"\0" * 10 + b"\xff\xff\x7f\0\0\1"), 8080, 1000, 22444, False),
    Row(Proto.TCP, "fe80::24a:2bff:fe80:a01%2", 80, 1000, 22445, False),
]


@pytest.mark.parametrize(
    ("text", "byteorder"), [(samples.TCP_LITTLE, "little"), (samples.TCP_BIG, "big")]
)
def test_listening_sockets_of_either_byte_order(text: bytes, byteorder: str) -> None:
    assert parse_proc_net(text, Proto.TCP, byteorder) == TCP_ROWS


@pytest.mark.parametrize(
    ("text", "byteorder"), [(samples.TCP6_LITTLE, "little"), (samples.TCP6_BIG, "big")]
)
def test_ipv6_of_either_byte_order(text: bytes, byteorder: str) -> None:
    assert parse_proc_net(text, Proto.TCP, byteorder, {LINK_LOCAL: 2}) == TCP6_ROWS


def test_only_unconnected_udp_sockets_with_a_port_are_services() -> None:
    assert parse_proc_net(samples.UDP_LITTLE, Proto.UDP, "little") == [
        Row(Proto.UDP, "127.0.0.53", 53, 101, 17001, False)
    ]


def test_a_last_line_that_is_cut_is_left_out() -> None:
    whole = samples.TCP_LITTLE.split(b"\n")
    cut = b"\n".join(whole[:3]) + b"\n" + whole[3][:60]
    assert parse_proc_net(cut, Proto.TCP, "little") == TCP_ROWS[:2]


def test_an_empty_table_has_no_rows() -> None:
    assert parse_proc_net(b"", Proto.TCP, "little") == []


def test_rows_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procnet, "MAX_ROWS", 2)
    assert len(parse_proc_net(samples.TCP_LITTLE, Proto.TCP, "little")) == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"0: 0100007F:0050 00000000:0000 0A 0:0 0:0 0", "columns"),
        (b"0: 0100007F:0050 0:0 0A 0:0 0:0 0 1000 0 nine", "no numbers"),
        (b"0: 0100007F 0:0 0A 0:0 0:0 0 1000 0 9", "no numbers"),
        (b"0: 0100007:0050 0:0 0A 0:0 0:0 0 1000 0 9", "no numbers"),
        (b"0: 0100:0050 0:0 0A 0:0 0:0 0 1000 0 9", "2 bytes"),
        (b"0: 0100007F:10050 0:0 0A 0:0 0:0 0 1000 0 9", "out of range"),
        (b"0: 0100007F:0050 0:0 0A 0:0 0:0 0 -1 0 9", "out of range"),
    ],
)
def test_a_line_out_of_format_is_named(line: bytes, words: str) -> None:
    with pytest.raises(ScanFormatError, match=words):
        parse_proc_net(b"head\n" + line + b"\n", Proto.TCP, "little")


TOKENS = st.sampled_from([b"0A", b"07", b"0100007F:0050", b"zz", b"1", b"-1", b"00:00", b"\xff"])


@given(
    st.one_of(
        st.binary(max_size=300),
        st.lists(st.lists(TOKENS, max_size=12).map(b" ".join), max_size=4).map(
            lambda lines: b"head\n" + b"\n".join(lines) + b"\n"
        ),
    ),
    st.sampled_from(["little", "big"]),
)
def test_any_bytes_parse_or_are_refused_by_name(text: bytes, byteorder: str) -> None:
    parse_if_inet6(text)
    try:
        rows = parse_proc_net(text, Proto.UDP, byteorder)
    except ScanFormatError:
        return
    assert all(0 < row.port <= 0xFFFF for row in rows)


def test_interfaces_of_link_local_addresses() -> None:
    text = b"""\
00000000000000000000000000000001 01 80 10 80       lo
fe80000000000000024a2bfffe800a01 02 40 20 80     eth0
fe800000000000000000000000000001 03 40 20 80  docker0
fe800000000000000000000000000001 0a 40 20 80     br-1
odd line
"""
    assert parse_if_inet6(text) == {LINK_LOCAL: 2}
