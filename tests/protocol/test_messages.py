"""Control messages: what goes in comes out, what is malformed is the one error."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.errors import ProtocolError
from port_linker.model import Proto, Service, ServiceId
from port_linker.mux.frames import MAX_CONTROL_BYTES
from port_linker.mux.payloads import encode_json
from port_linker.protocol import messages as m

FACTS = m.Facts(0, "root", "dev1", "boot", "net", (32768, 60999), 22, "3.9.2", "procfs", 7, 1.5)
SERVICES = st.builds(
    Service,
    id=st.builds(
        ServiceId,
        st.sampled_from(Proto),
        st.sampled_from(["127.0.0.1", "::1", "0.0.0.0", "::", "fe80::1"]),
        st.integers(1, 65535),
    ),
    uid=st.integers(0, 2**32 - 1),
    process=st.one_of(st.none(), st.text("abc -", min_size=1, max_size=15)),
    v6only=st.booleans(),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def wire(message: dict[str, Any]) -> dict[str, Any]:
    """What the other side gets."""
    got = json.loads(json.dumps(message))
    assert isinstance(got, dict)
    return got


def test_a_hello_comes_out_as_it_went_in() -> None:
    hello = m.Hello("me", "peer", 12)
    assert m.parse_hello(wire(hello.to_json())) == hello


@pytest.mark.parametrize(
    "change",
    [{"v": 2}, {"v": None}, {"me": 1}, {"peer": None}, {"received": -1}, {"received": True}],
)
def test_a_hello_that_is_none_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        m.parse_hello({**m.Hello("me", "peer", 12).to_json(), **change})


def test_facts_come_out_as_they_went_in() -> None:
    assert m.parse_facts(wire(FACTS.to_json())) == FACTS


@pytest.mark.parametrize("key", ["uid", "ephemeral", "boot_id", "pid"])
def test_facts_that_lack_one_are_refused(key: str) -> None:
    message = FACTS.to_json()
    del message[key]
    with pytest.raises(ProtocolError, match="facts"):
        m.parse_facts(message)


@given(st.lists(SERVICES, max_size=450), st.booleans())
def test_any_number_of_services_travels_in_batches(services: list[Service], is_full: bool) -> None:
    messages = m.encode_changes(services, (), (), is_full)
    parsed = [m.parse_changes(wire(message)) for message in messages]
    assert [one for changes in parsed for one in changes.appeared] == services
    assert all(len(changes.appeared) <= m.BATCH for changes in parsed)
    assert [changes.is_full for changes in parsed] == [is_full] * bool(parsed) + [False] * (
        len(parsed) - 1
    )


def test_only_the_first_batch_of_a_full_list_is_the_whole() -> None:
    vanished = [ServiceId(Proto.UDP, "::", port) for port in range(1, 300)]
    messages = m.encode_changes((), (), vanished)
    assert [len(message["vanished"]) for message in messages] == [m.BATCH, 99]


def test_two_hundred_long_command_lines_fit_their_frames() -> None:
    """Their text takes six bytes a character; one message of all of them ended discovery."""
    service = Service(ServiceId(Proto.TCP, "127.0.0.1", 80), uid=0, command="\u00e9" * 1024)
    messages = m.encode_changes([service] * m.BATCH, (), (), is_full=True)
    assert max(len(encode_json(message)) for message in messages) < MAX_CONTROL_BYTES
    assert sum(len(message["appeared"]) for message in messages) == m.BATCH
    assert [message.get("full", False) for message in messages].count(True) == 1


@pytest.mark.parametrize("key", ["uid", "pid"])
def test_a_fact_past_all_bounds_is_malformed(key: str) -> None:
    with pytest.raises(ProtocolError):
        m.parse_facts({**FACTS.to_json(), key: float("inf")})


def test_a_log_line_has_only_numbers_that_json_knows() -> None:
    record = m.parse_log({"at": 10**400, "fields": {"a": float("nan"), "b": float("inf"), "c": 1}})
    assert record.at == 0.0
    assert record.fields == {"a": "nan", "b": "inf", "c": 1}


@given(JSON)
def test_any_object_is_understood_or_refused(value: Any) -> None:
    message = {"t": "services", "appeared": value, "vanished": value, "changed": value}
    with contextlib.suppress(ProtocolError):
        m.parse_changes(message)
    with contextlib.suppress(ProtocolError):
        m.parse_facts({**FACTS.to_json(), "ephemeral": value})
    record = m.parse_log({"level": value, "message": value, "fields": value, "at": value})
    assert "\x1b" not in record.message + record.level


def test_a_log_line_is_cleaned() -> None:
    record = m.parse_log(
        {"level": "info", "message": "a\x1b[2Jb", "fields": {"n\n": 1, "k": "\x07", "o": [1]}}
    )
    assert record.message == "a\ufffd[2Jb"
    assert record.fields == {"n\ufffd": 1, "k": "\ufffd", "o": "(nested)"}


DEEP: Any = json.loads("[" * 900 + "]" * 900)
HOSTILE = [
    DEEP,
    {"a": DEEP},
    1 << 70,
    -1,
    10**4000,
    float("inf"),
    float("nan"),
    True,
    "x" * 100_000,
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("key", [*FACTS.to_json()])
def test_a_fact_that_is_none_is_malformed_or_bounded(key: str, value: Any) -> None:
    with contextlib.suppress(ProtocolError):
        facts = m.parse_facts({**FACTS.to_json(), key: value})
        assert len(json.dumps(facts.to_json(), allow_nan=False)) < 2000


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("key", ["v", "me", "peer", "received"])
def test_a_hello_that_is_refused_says_so_in_few_words(key: str, value: Any) -> None:
    with pytest.raises(ProtocolError) as caught:
        m.parse_hello({**m.Hello("me", "peer", 12).to_json(), key: value})
    assert len(caught.value.message) < 100


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_log_line_of_anything_is_short(value: Any) -> None:
    fields = dict.fromkeys(map(str, range(100)), value)
    record = m.parse_log({"level": value, "message": value, "fields": fields, "at": value})
    assert len(json.dumps([record.level, record.message, record.fields], allow_nan=False)) < 40_000


@pytest.mark.parametrize("rows", [{"a": 1}, "abc", 7, None, [DEEP], [{"id": DEEP, "uid": 1}]])
@pytest.mark.parametrize("key", ["appeared", "changed", "vanished"])
def test_what_is_no_list_of_services_is_malformed(key: str, rows: Any) -> None:
    with pytest.raises(ProtocolError):
        m.parse_changes({"t": "services", key: rows})


def test_more_services_than_an_agent_says_at_once_are_refused() -> None:
    keys = [f"tcp/127.0.0.1:{port}" for port in range(1, m.BATCH + 2)]
    assert len(m.parse_changes({"vanished": keys[:-1]}).vanished) == m.BATCH
    with pytest.raises(ProtocolError, match="more than 200"):
        m.parse_changes({"vanished": keys})
