"""The QUIC link without a sidecar, and its counters; the rest is the contract's."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest

from port_linker.link import quic_link, reports
from port_linker.link.interface import Binding
from port_linker.link.quic_link import QuicLink
from port_linker.model import Proto, ServiceId
from tests.fakes.waiting import until

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


async def test_counters_of_ever_new_services_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quic_link, "KEPT_COUNTERS", 10)
    link = QuicLink()
    busy = reports.ServiceStats(flows_open=1)
    for port in range(1, 101):
        rows = {f"tcp/127.0.0.1:{port}": reports.ServiceStats(up_bytes=1), "udp/127.0.0.1:1": busy}
        link.set_stats(reports.Stats(rows, None))
    assert len(link.traffic()) == 10
    assert link.traffic()[ServiceId(Proto.UDP, "127.0.0.1", 1)].flows_open == 1
    await link.detach()
    for port in range(200, 300):
        row = {f"tcp/127.0.0.1:{port}": reports.ServiceStats(up_bytes=1)}
        link.set_stats(reports.Stats(row, None))
    await link.detach()
    assert len(link.traffic()) == 10


async def test_what_was_let_go_before_its_turn_is_no_work_for_the_sidecar() -> None:
    link, heard = QuicLink(), list[bool]()
    sidecar: Any = SimpleNamespace()  # whatever it is asked raises
    link.attach(sidecar)
    with socket.socket() as sock:
        for _ in range(100):
            binding = Binding(SERVICE, sock, "127.0.0.1:80")
            link.adopt(binding, heard.append)
            link.release(binding)
        assert link._work.qsize() == 100
        await until(lambda: len(heard) == 100)
    assert not any(heard)
    assert link._unasked == set()
    await link.close()
