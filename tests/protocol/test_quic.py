"""The introduction's messages survive the wire; what is malformed raises the one error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.errors import ProtocolError
from port_linker.protocol import quic

AB, CD, EF = "ab" * 32, "cd" * 32, "ef" * 16
EXECUTABLE = quic.Executable(AB, 3_600_000, 1_700_000, "x86_64")
START = quic.QuicStart(3, EXECUTABLE, AB, 40000, CD, EF)
FROM_HOST = [START, quic.QuicPart(AB, 32768, b"\0\1piece"), quic.QuicStop(3)]
FROM_HOST.append(quic.QuicLife(3, is_quiet=True, link=2))
FROM_AGENT = [
    quic.QuicNeed(AB, 65536),
    quic.QuicReady(3, AB, 60001, ("192.0.2.7", "2001:db8::7")),
    quic.QuicEnded(3, "no UDP port is free"),
    quic.QuicEnded(3, "wrong machine", is_final=True),
]


def wire(message: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(message)))


@pytest.mark.parametrize("said", FROM_HOST)
def test_what_the_host_says_survives(said: Any) -> None:
    assert quic.parse_from_host(wire(said.to_json())) == said


@pytest.mark.parametrize("said", FROM_AGENT)
def test_what_the_agent_says_survives(said: Any) -> None:
    assert quic.parse_from_agent(wire(said.to_json())) == said


def test_other_messages_are_none_of_ours() -> None:
    assert quic.parse_from_host({"t": "bye"}) is None
    assert quic.parse_from_agent({"t": "services"}) is None


def test_unknown_keys_are_ignored() -> None:
    assert quic.parse_from_host({**START.to_json(), "new": 1}) == START


def test_secrets_are_in_no_log() -> None:
    assert CD not in repr(START)
    assert EF not in repr(START)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fingerprint", "AB" * 32),
        ("fingerprint", "ab"),
        ("secret", 7),
        ("connection_id", CD),
        ("port", 0),
        ("port", 65536),
        ("port", True),
        ("lease_s", -1),
        ("lease_s", 10**9),
        ("attempt", "1"),
        ("executable", None),
        ("executable", {**EXECUTABLE.__dict__, "size": 1 << 40}),
        ("executable", {**EXECUTABLE.__dict__, "digest": "../../etc/passwd"}),
    ],
)
def test_a_malformed_start_is_refused(key: str, value: object) -> None:
    with pytest.raises(ProtocolError):
        quic.parse_from_host({**START.to_json(), key: value})


@pytest.mark.parametrize("data", ["!", 7, "AAA", "é"])
def test_a_malformed_part_is_refused(data: object) -> None:
    with pytest.raises(ProtocolError):
        quic.parse_from_host({"t": "quic-part", "digest": AB, "at": 0, "data": data})


@pytest.mark.parametrize(
    "addresses", [["not an address"], [7], "192.0.2.7", None, ["fe80::1%" + "9" * 5000]]
)
def test_a_malformed_address_is_refused(addresses: object) -> None:
    ready = quic.QuicReady(1, AB, 60001, ()).to_json()
    with pytest.raises(ProtocolError):
        quic.parse_from_agent({**ready, "addresses": addresses})


def test_more_addresses_than_are_tried_are_not_read() -> None:
    ready = quic.QuicReady(1, AB, 60001, tuple(f"10.0.0.{n}" for n in range(1, 20)))
    said = quic.parse_from_agent(ready.to_json())
    assert isinstance(said, quic.QuicReady)
    assert len(said.addresses) == quic.MAX_ADDRESSES


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
kinds = st.sampled_from(["quic-start", "quic-part", "quic-need", "quic-ready", "quic-ended"])
keys = st.sampled_from([*START.to_json(), "at", "digest", "data", "addresses", "reason"])


@given(kinds, st.dictionaries(keys, json_values))
def test_any_object_is_understood_or_refused(kind: str, row: dict[str, Any]) -> None:
    for parse in (quic.parse_from_host, quic.parse_from_agent):
        try:
            parse({**row, "t": kind})
        except ProtocolError:
            continue
