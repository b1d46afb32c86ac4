"""Asks this machine which ports are free, and tells other demos which ones this one takes. I/O."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass

from port_linker.demo.ports import candidate_ports, choose_ports
from port_linker.demo.steps import DemoFault
from port_linker.ports.os.sockets import read_local_facts

LOOPBACK_HOST = "127.77.0.1"  # of 127/8, which Linux gives to lo; nobody's default


@dataclass(frozen=True)
class HeldPorts:
    """Ports that no other demo takes until they are closed, or this process ends."""

    ports: tuple[int, ...]
    holds: tuple[socket.socket, ...]

    def close(self) -> None:
        """Let other demos have them."""
        for hold in self.holds:
            hold.close()


def hold_ports(count: int) -> HeldPorts:
    """Return ports that are free here for TCP and UDP. Raises DemoFault if there are too few.

    They are bound only when the session has found the services, a second later; an abstract Unix
    socket per port keeps two demos that start at once apart meanwhile.
    """
    facts = read_local_facts()
    hosts = [LOOPBACK_HOST, "127.0.0.1", *(["::1"] if 6 in facts.families else [])]
    holds: list[socket.socket] = []

    def take(port: int) -> bool:
        hold = _hold(port) if is_free(port, hosts) else None
        if hold is not None:
            holds.append(hold)
        return hold is not None

    ports = choose_ports(candidate_ports(facts.ephemeral, facts.unprivileged_start), count, take)
    held = HeldPorts(ports, tuple(holds))
    if len(ports) < count:
        held.close()
        raise DemoFault("no free ports were found on this machine")
    return held


def _hold(port: int) -> socket.socket | None:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with contextlib.suppress(OSError):
        sock.bind(f"\0port-linker-demo-{port}")
        return sock
    sock.close()
    return None


def is_free(port: int, hosts: list[str]) -> bool:
    """Whether TCP and UDP sockets can be bound to the port on all these addresses."""
    kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
    return all(_can_bind(host, port, kind) for host in hosts for kind in kinds)


def _can_bind(host: str, port: int, kind: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, kind) as sock:
            if kind == socket.SOCK_STREAM:  # as the binding itself does, over TIME_WAIT
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, port))
            if kind == socket.SOCK_STREAM:
                sock.listen(1)
    except OSError:
        return False
    return True
