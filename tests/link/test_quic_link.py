"""The QUIC link without a sidecar, and its counters; the rest is the contract's."""

from __future__ import annotations

import socket

from port_linker.link import reports
from port_linker.link.interface import Binding
from port_linker.link.quic_link import QuicLink
from port_linker.model import Proto, ServiceId

SERVICE = ServiceId(Proto.TCP, "127.0.0.1", 80)


def stats(**row: int) -> reports.Stats:
    return reports.Stats({SERVICE.key: reports.ServiceStats(**row), "nonsense": row}, None)  # type: ignore[dict-item]


async def test_without_a_sidecar_nothing_is_adopted() -> None:
    link = QuicLink()
    heard: list[bool] = []
    with socket.socket() as sock:
        binding = Binding(SERVICE, sock, "127.0.0.1:80")
        link.adopt(binding, heard.append)
        link.release(binding)
        link.reset_flows()
        link.hold(SERVICE, 1.0)
    assert heard == [False]
    await link.close()


async def test_counters_outlive_their_sidecar() -> None:
    link = QuicLink()
    link.set_stats(stats(up_bytes=10, flows_open=1, flows_total=2))
    assert link.traffic()[SERVICE].flows_open == 1
    await link.detach()
    assert (link.traffic()[SERVICE].up_bytes, link.traffic()[SERVICE].flows_open) == (10, 0)
    link.set_stats(stats(up_bytes=5, flows_total=1))
    traffic = link.traffic()[SERVICE]
    assert (traffic.up_bytes, traffic.flows_total) == (15, 3)
