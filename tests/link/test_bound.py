"""The agent learns what is bound here: all at once when it listens, then what changes."""

from __future__ import annotations

from typing import Any

from port_linker.link.bound import BoundList
from port_linker.protocol.bound import parse_bound

A, B, C = (f"tcp/127.0.0.1:{port}" for port in (1, 2, 3))


class FakeLink:
    """Notes what is sent."""

    def __init__(self) -> None:
        self.is_attached = False
        self.sent: list[dict[str, Any]] = []

    def send_control(self, message: dict[str, Any]) -> None:
        self.sent.append(message)


def test_what_changed_is_told_while_the_agent_listens_and_all_when_it_comes_back() -> None:
    link = FakeLink()
    bound = BoundList(link)
    bound.update(frozenset([A, B]))
    assert link.sent == [], "nothing is queued for later"
    link.is_attached = True
    bound.tell_all()
    bound.update(frozenset([B, C]))
    bound.update(frozenset([C, B]))
    assert link.sent == [
        {"t": "quic-bound", "full": True, "add": [A, B]},
        {"t": "quic-bound", "drop": [A], "add": [C]},
    ]


def test_many_are_told_in_several_messages() -> None:
    link = FakeLink()
    link.is_attached = True
    keys = frozenset(f"tcp/[2001:db8::1]:{port}" for port in range(1, 5001))
    BoundList(link).update(keys)
    told = [parse_bound(message) for message in link.sent]
    assert len(told) == 3
    assert {key for changes in told if changes for key in changes.added} == keys
