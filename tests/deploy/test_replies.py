"""The attacher's lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.deploy.replies import (
    MAX_NOISE_BYTES,
    AgentAttached,
    AttachFailed,
    BundleNeeded,
    Reply,
    ReplyReader,
    parse_reply,
)
from port_linker.errors import ProtocolError


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ('PL1 {"need":"bundle"}', BundleNeeded()),
        ('PL1 {"agent":"started","pid":5}', AgentAttached("started", 5)),
        ('PL1 {"agent":"resumed","pid":5}', AgentAttached("resumed", 5)),
        (
            'PL1 {"agent":"restarted","pid":5,"sync":"' + "0a" * 16 + '"}',
            AgentAttached("restarted", 5, b"\n" * 16),
        ),
        ('PL1 {"error":"x","detail":"a\\u001bb"}', AttachFailed("x", "a\ufffdb")),
        ('PL1 {"error":"x"}', AttachFailed("x", "")),
        ("noise", None),
        ("", None),
    ],
)
def test_each_line_has_its_meaning(line: str, reply: Reply | None) -> None:
    assert parse_reply(line) == reply


@pytest.mark.parametrize(
    "line",
    [
        "PL1 ",
        "PL1 []",
        "PL1 {",
        "PL1 {}",
        "PL1 " + "[" * 100_000,
        'PL1 {"agent":"gone","pid":5}',
        'PL1 {"agent":"started","pid":"5"}',
        'PL1 {"agent":"restarted","pid":5}',
        'PL1 {"agent":"restarted","pid":5,"sync":"zz"}',
        'PL1 {"agent":"restarted","pid":5,"sync":7}',
    ],
)
def test_nonsense_is_one_clear_error(line: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_reply(line)
    assert caught.value.code == "PL-TARGET-NONSENSE"
    assert len(caught.value.message) < 200


def test_the_reader_skips_noise_and_joins_pieces() -> None:
    reader = ReplyReader()
    assert reader.feed(b'hello\r\nPL1 {"need":') == []
    assert reader.feed(b'"bundle"}\r\nPL1 {"agent":"started","pid":7}\nx') == [
        BundleNeeded(),
        AgentAttached("started", 7),
    ]


@pytest.mark.parametrize("noise", [b"y\n" * (MAX_NOISE_BYTES // 2 + 1), b"y" * MAX_NOISE_BYTES * 2])
def test_noise_has_a_bound(noise: bytes) -> None:
    with pytest.raises(ProtocolError):
        ReplyReader().feed(noise)


@given(st.binary(max_size=400))
def test_any_bytes_are_replies_noise_or_the_one_error(data: bytes) -> None:
    try:
        ReplyReader().feed(data + b"\nPL1 " + data + b"\n")
    except ProtocolError:
        return
