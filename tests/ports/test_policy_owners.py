"""Who has had each port."""

from __future__ import annotations

from port_linker.model import Proto
from port_linker.ports import policy
from tests.ports.kit import ALICE, BOB, service

PORT = (Proto.TCP, 80)


def test_owners_are_remembered_by_port() -> None:
    had = policy.PortOwners()
    assert had.of(PORT) == {}
    had.note(PORT, service("127.0.0.1:80"))
    had.note(PORT, service("127.0.0.1:80", BOB))
    assert had.of(PORT) == {ALICE: "alice", BOB: "bob"}
    assert had.of((Proto.UDP, 80)) == {}


def test_neither_owners_nor_ports_nor_names_grow_without_end() -> None:
    had = policy.PortOwners()
    for uid in range(1000):
        had.note(PORT, service("127.0.0.1:80", uid, user="x" * 256))
    assert list(had.of(PORT)) == list(range(1000 - policy.MAX_OWNERS, 1000))
    assert set(map(len, had.of(PORT).values())) == {policy.MAX_NAME_CHARS}
    for port in range(policy.MAX_PORTS + 10):
        had.note((Proto.UDP, port), service("127.0.0.1:80"))
    assert len(had._owners) == policy.MAX_PORTS
