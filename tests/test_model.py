"""The shared words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker import model
from port_linker.model import Proto, Service, ServiceId


@pytest.mark.parametrize("text", ["127.0.0.1:80", "[::1]:65535", "0.0.0.0:1", "[fe80::1]:5"])
def test_an_endpoint_is_read_as_it_is_written(text: str) -> None:
    assert model.format_endpoint(*model.parse_endpoint(text)) == text


@pytest.mark.parametrize("text", ["", "80", "127.0.0.1", "127.0.0.1:", "x:1", "1.2.3.4:65536"])
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        model.parse_endpoint(text)


HOSTILE = [
    "tcp/[fe80::1%" + "1" * 4000 + "]:80",
    "tcp/[fe80::1%eth0\x1b[2J]:80",
    "tcp/[fe80::1%]:80",
    "tcp/[fe80::1%99999999999]:80",
    "tcp/127.0.0.1:" + "0" * 5000 + "80",
    "tcp/127.0.0.1:\u0661",
    "x" * 5000,
]


def test_the_longest_key_is_taken() -> None:
    text = "udp/[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]:65535"
    assert str(model.parse_service_key(text)) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_refusal_does_not_repeat_a_long_text(text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - any words, but few
        model.parse_service_key(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "text", ["", "tcp", "tcp/127.0.0.1:0", "sctp/127.0.0.1:1", "tcp/x:1", *HOSTILE]
)
def test_what_is_no_service_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        model.parse_service_key(text)


@pytest.mark.parametrize(
    ("host", "loopback", "wildcard", "family"),
    [
        ("127.0.0.1", True, False, 4),
        ("127.9.9.9", True, False, 4),
        ("0.0.0.0", False, True, 4),
        ("10.0.0.1", False, False, 4),
        ("::1", True, False, 6),
        ("::", False, True, 6),
        ("::ffff:127.0.0.1", True, False, 4),
        ("fe80::1", False, False, 6),
    ],
)
def test_what_an_address_is(host: str, loopback: bool, wildcard: bool, family: int) -> None:
    service = ServiceId(Proto.TCP, host, 80)
    assert (service.is_loopback, service.is_wildcard, service.family) == (
        loopback,
        wildcard,
        family,
    )
    assert model.parse_service_key(str(service)) == service


@given(st.text())
def test_cleaned_text_moves_no_cursor_and_turns_no_direction(text: str) -> None:
    cleaned = model.clean_text(text, 100)
    assert len(cleaned) <= 100
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) <= 0x9F for char in cleaned)
    assert not set(cleaned) & set(
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\ufeff"
    )
    cleaned.encode()  # no lone surrogates


def test_a_service_travels_as_json() -> None:
    service = Service(
        ServiceId(Proto.UDP, "::1", 53), 7, "bob", 12, "dns\x07", "dns -x", "c1", v6only=True
    )
    got = model.parse_service(service.to_json())
    assert got == Service(
        ServiceId(Proto.UDP, "::1", 53), 7, "bob", 12, "dns\ufffd", "dns -x", "c1", v6only=True
    )


@pytest.mark.parametrize(
    "value", [None, [], {"id": "tcp/127.0.0.1:1"}, {"id": 1, "uid": 1}, {"id": [[[]]], "uid": 1}]
)
def test_what_is_no_service_object_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        model.parse_service(value)


@pytest.mark.parametrize("pid", [True, -1, 1 << 32, 10**4000, 1.0, "7"])
def test_what_is_no_number_of_a_process_is_left_out(pid: Any) -> None:
    assert model.parse_service({"id": "tcp/127.0.0.1:1", "uid": 0, "pid": pid}).pid is None


@pytest.mark.parametrize("uid", [True, -1, 1 << 32, 10**4000, None])
def test_a_service_without_a_uid_is_refused(uid: Any) -> None:
    with pytest.raises(ValueError, match="uid"):
        model.parse_service({"id": "tcp/127.0.0.1:1", "uid": uid})
