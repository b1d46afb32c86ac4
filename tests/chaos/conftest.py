"""Fixtures of the chaos tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import services as kinds
from tests.lab.hosts import TwoHosts
from tests.lab.program import PortLinker
from tests.lab.quic import start_quic, wait_carried
from tests.lab.services import Services


@pytest.fixture
def services(lab: TwoHosts) -> Iterator[Services]:
    """Services on the target of the test's lab."""
    with Services(lab.target) as made:
        yield made


@pytest.fixture
def program(lab: TwoHosts, services: Services) -> Iterator[PortLinker]:
    """A session on QUIC, with an echo and a source to talk to."""
    lab.pair.limit_rate(400)
    services.tcp(kinds.echo, 7001)
    services.tcp(kinds.source, 7002)
    begun = start_quic(lab)
    for port in (7001, 7002):
        begun.wait_service(port)
        wait_carried(lab, port)
    yield begun
    begun.stop()
