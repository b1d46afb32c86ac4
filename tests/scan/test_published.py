"""What container engines say about published ports."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.model import Proto
from port_linker.scan.published import (
    NO_CONTAINERS,
    Containers,
    merge_containers,
    parse_containers,
    parse_response,
)
from port_linker.scan.rows import ScanFormatError

WEB_ID = "ab" * 32


def listing(*entries: Any) -> Containers:
    return parse_containers(json.dumps(entries).encode())


def container(name: str, *ports: Any, container_id: str = WEB_ID) -> dict[str, Any]:
    return {"Id": container_id, "Names": [f"/{name}"], "Ports": list(ports)}


def port(address: str, number: int, kind: str = "tcp") -> dict[str, Any]:
    return {"IP": address, "PrivatePort": 80, "PublicPort": number, "Type": kind}


def test_a_published_port_has_the_name_of_its_container() -> None:
    containers = listing(container("web", port("0.0.0.0", 8080), port("::", 8080)))
    assert containers.find_publisher(Proto.TCP, "0.0.0.0", 8080, 0) == "web"
    assert containers.find_publisher(Proto.TCP, "::", 8080, 0) == "web"
    assert containers.find_publisher(Proto.UDP, "0.0.0.0", 8080, 0) is None
    assert containers.find_publisher(Proto.TCP, "127.0.0.1", 8080, 0) is None
    assert containers.find_publisher(Proto.TCP, "0.0.0.0", 80, 0) is None


def test_the_exact_address_wins_over_any_address() -> None:
    containers = listing(
        container("any", port("", 53, "udp")), container("one", port("127.0.0.1", 53, "udp"))
    )
    assert containers.find_publisher(Proto.UDP, "127.0.0.1", 53, 0) == "one"
    assert containers.find_publisher(Proto.UDP, "::", 53, 0) == "any"


def test_a_process_inside_a_container_is_known_by_the_container_id() -> None:
    containers = listing(container("web"))
    assert containers.name_of(WEB_ID) == "web"
    assert containers.name_of("cd" * 32) is None
    assert NO_CONTAINERS.name_of(WEB_ID) is None


def test_a_container_without_a_name_goes_by_its_id_and_names_are_cleaned() -> None:
    assert listing({"Id": WEB_ID, "Names": []}).names == {WEB_ID: WEB_ID[:12]}
    assert listing(container("we\x1b[31mb")).names == {WEB_ID: "we\ufffd[31mb"}


def test_odd_entries_are_left_out() -> None:
    odd = [
        7,
        {"Names": [7]},
        {"Names": ["/"], "Id": WEB_ID},
        {"Names": ["/web"], "Ports": 7},
        {"Names": ["/web"], "Ports": [7, {"PrivatePort": 80, "Type": "tcp"}]},
        {"Names": ["/web"], "Ports": [port("nowhere", 80), port("::", 80, "sctp")]},
        {"Names": ["/web"], "Ports": [port("::", 70000), {**port("::", 80), "IP": 7}]},
    ]
    assert listing(*odd).published == {}


def test_several_engines_are_one_and_the_first_wins() -> None:
    first = listing(container("a", port("::", 80)))
    second = listing(
        container("b", port("::", 80), port("::", 81)), container("c", container_id="cd" * 32)
    )
    merged = merge_containers([first, second])
    assert merged.names == {WEB_ID: "a", "cd" * 32: "c"}
    assert merged.find_publisher(Proto.TCP, "::", 80, 0) == "a"
    assert merged.find_publisher(Proto.TCP, "::", 81, 0) == "b"


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0",
        b"HTTP/1.0 404 Not Found\r\n\r\n[]",
        b"SSH-2.0-x\r\n\r\n[]",
        b"HTTP/1.0\r\n\r\n[]",
        b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
    ],
)
def test_an_answer_that_is_none_is_refused(response: bytes) -> None:
    with pytest.raises(ScanFormatError):
        parse_response(response)


def test_a_body_is_what_follows_the_head() -> None:
    assert parse_response(b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\n[]") == b"[]"
    assert parse_response(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]") == b"[]"


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_list_is_refused(body: bytes) -> None:
    with pytest.raises(ScanFormatError):
        parse_containers(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Id", "Names", "Ports", "IP", "PublicPort", "Type"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_parse_or_are_refused_by_name(data: bytes) -> None:
    for parse in (parse_response, parse_containers):
        try:
            parse(data)
        except ScanFormatError:
            continue


def test_a_port_is_a_containers_while_its_socket_is_roots_or_the_engines() -> None:
    body = json.dumps([container("web", port("0.0.0.0", 8080))]).encode()
    rootless = parse_containers(body, engine_uid=1000)
    assert rootless.find_publisher(Proto.TCP, "0.0.0.0", 8080, 1000) == "web"
    assert rootless.find_publisher(Proto.TCP, "0.0.0.0", 8080, 0) == "web"
    assert rootless.find_publisher(Proto.TCP, "0.0.0.0", 8080, 1001) is None
    assert parse_containers(body).find_publisher(Proto.TCP, "0.0.0.0", 8080, 1000) is None
