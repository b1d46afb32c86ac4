"""A service as the groups see it."""

from __future__ import annotations

from port_linker.binding.member import Member
from port_linker.model import Proto
from tests.binding.kit import service


def test_it_competes_for_the_port_that_it_wants() -> None:
    assert Member(service("udp/127.0.0.1:53"), 5353, None).group == (Proto.UDP, 5353)
