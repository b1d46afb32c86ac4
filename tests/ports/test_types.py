"""The words of the room."""

from __future__ import annotations

from dataclasses import replace

import pytest

from port_linker.ports.types import LOOPBACK, Local, LocalFacts, PortHolder, describe_holder
from tests.ports.kit import BOB, NODE


def test_a_local_address_is_a_tuple_and_a_text() -> None:
    assert [Local(family, LOOPBACK[family], 80).text for family in (4, 6)] == [
        "127.0.0.1:80",
        "[::1]:80",
    ]
    assert Local(4, "127.0.0.1", 80) == (4, "127.0.0.1", 80)


def test_privilege_is_needed_below_the_start() -> None:
    assert LocalFacts().needs_privilege(1023)
    assert not LocalFacts().needs_privilege(1024)
    assert not LocalFacts(is_privileged=True).needs_privilege(1)
    assert not LocalFacts(unprivileged_start=0).needs_privilege(1)


@pytest.mark.parametrize(
    ("holder", "text"),
    [
        (None, "another process"),
        (PortHolder(), "another process"),
        (NODE, "node (pid 71)"),
        (replace(NODE, command=None), "a process (pid 71)"),
        (replace(NODE, command="x" * 90), "x" * 60 + " (pid 71)"),
        (PortHolder(uid=BOB, user="bob"), "a process of bob"),
        (PortHolder(uid=BOB), "a process of uid 1001"),
        (replace(NODE, is_port_linker=True), "another port-linker (pid 71)"),
        (PortHolder(is_port_linker=True), "another port-linker"),
    ],
)
def test_a_holder_is_named(holder: PortHolder | None, text: str) -> None:
    assert describe_holder(holder) == text
