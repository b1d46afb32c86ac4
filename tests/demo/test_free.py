"""A port is free if TCP and UDP can be bound to it on every address that counts."""

from __future__ import annotations

import socket

import pytest

from port_linker.demo import free
from port_linker.demo.steps import DemoFault

HOSTS = ["127.77.0.1", "127.0.0.1"]


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
@pytest.mark.parametrize("host", ["127.0.0.1", "127.77.0.1", "0.0.0.0"])
def test_a_bound_port_is_not_free(host: str, kind: int) -> None:
    held = free.hold_ports(1)
    (port,) = held.ports
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
        sock.bind((host, port))
        if kind == socket.SOCK_STREAM:
            sock.listen()
        assert not free.is_free(port, HOSTS)
        held.close()
        second = free.hold_ports(1)
        assert port not in second.ports
        second.close()
    assert free.is_free(port, HOSTS)


def test_two_demos_do_not_take_the_same_ports() -> None:
    first, second = free.hold_ports(4), free.hold_ports(4)
    assert len({*first.ports, *second.ports}) == 8
    first.close()
    second.close()


def test_too_few_ports_are_a_fault_and_none_stays_held(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def is_free(port: int, hosts: list[str]) -> bool:
        seen.append(port)
        return len(seen) == 1

    monkeypatch.setattr(free, "is_free", is_free)
    monkeypatch.setattr(free, "_hold", lambda _: socket.socket())  # another demo may hold the port
    with pytest.raises(DemoFault, match="no free ports"):
        free.hold_ports(2)
    seen.clear()
    held = free.hold_ports(1)
    assert held.ports == (seen[0],)
    held.close()
