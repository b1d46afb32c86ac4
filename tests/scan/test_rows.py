"""Addresses as text, and the rows that both sources give."""

from __future__ import annotations

import ipaddress
import socket

from hypothesis import given
from hypothesis import strategies as st

from port_linker.model import Proto, ServiceId, parse_service_key
from port_linker.scan.rows import TABLES, host_text


def test_the_tables_are_the_files_of_proc_net() -> None:
    assert [table.name for table in TABLES] == ["tcp", "tcp6", "udp", "udp6"]


def test_an_address_is_its_canonical_text() -> None:
    assert host_text(b"\x7f\x00\x01\x01") == "127.0.1.1"
    assert host_text(bytes(16)) == "::"
    assert host_text(bytes(15) + b"\x01") == "::1"


def test_only_a_link_local_address_names_its_interface() -> None:
    link_local = socket.inet_pton(socket.AF_INET6, "fe80::1")
    assert host_text(link_local, 2) == "fe80::1%2"
    assert host_text(link_local) == "fe80::1"
    assert host_text(bytes(16), 2) == "::"  # a socket bound to a device
    assert host_text(b"\xa9\xfe\x00\x01", 2) == "169.254.0.1"


@given(st.binary(min_size=16, max_size=16), st.integers(0, 3))
def test_every_address_survives_the_wire(packed: bytes, interface: int) -> None:
    host = host_text(packed, interface)
    service_id = ServiceId(Proto.TCP, host, 80)
    assert parse_service_key(service_id.key) == service_id
    assert ipaddress.ip_address(host.partition("%")[0]).packed == packed
