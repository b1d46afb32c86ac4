"""The words of the room."""

from __future__ import annotations

from port_linker.binding.facts import LOOPBACK, Local, LocalFacts


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
