"""The scenarios of test_data.py again, on QUIC: a flow must not notice which link carries it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.test_data import (  # noqa: F401 - collected here, with the fixtures of this file
    test_100_mb_down,
    test_100_mb_up,
    test_a_refused_port_is_a_reset,
    test_a_reset_here_is_a_reset_there,
    test_a_reset_there_is_a_reset_here,
    test_a_service_that_dies_resets_its_connections,
    test_a_slow_reader_slows_no_other,
    test_a_thousand_connections_at_once,
    test_both_directions_at_once,
    test_half_close_from_here,
    test_half_close_from_there,
    test_two_clients_at_once,
    test_udp_of_every_size_arrives_whole,
)
from tests.lab.fixtures import Start
from tests.lab.hosts import TwoHosts
from tests.lab.program import Event, PortLinker
from tests.lab.quic import start_quic, wait_carried

pytestmark = pytest.mark.lab


class OnQuic(PortLinker):
    """Waits until a service goes over QUIC, not only until it is there."""

    def wait_service(
        self,
        port: int,
        state: str = "ready",
        proto: str = "tcp",
        timeout_s: float = 10,
        remote: str | None = None,
    ) -> Event:
        """Return the event, once the binding is with the sidecar."""
        event = super().wait_service(port, state, proto, timeout_s, remote)
        if state == "ready":
            wait_carried(self.lab, port)
        return event


@pytest.fixture
def start(lab: TwoHosts) -> Iterator[Start]:
    """Start port-linker and wait for QUIC."""
    made: list[PortLinker] = []

    def begin(lab: TwoHosts, *words: str) -> PortLinker:
        made.append(start_quic(lab, *words[1:]))
        made[-1].__class__ = OnQuic
        return made[-1]

    yield begin
    for program in made:
        program.stop()
