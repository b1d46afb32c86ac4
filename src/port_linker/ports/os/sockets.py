"""Bind sockets on loopback, and read what this machine allows. I/O."""

from __future__ import annotations

import contextlib
import ipaddress
import resource
import socket
import sys
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from port_linker.errors import BindError
from port_linker.model import Proto
from port_linker.ports.types import (
    DEFAULT_MAX_SERVICES,
    HELD_BACK,
    LOOPBACK,
    NO_FAMILY,
    Local,
    LocalFacts,
)

# What Linux allows by default since 5.4 (net.core.somaxconn); it cuts what is above. A burst of
# 1,000 connections must not wait for a retransmitted SYN (1 s); a backlog unused costs nothing.
BACKLOG = 4096
DEFAULT_EPHEMERAL = (32768, 60999)  # Documentation/networking/ip-sysctl.rst
CAP_NET_BIND_SERVICE = 10  # include/uapi/linux/capability.h
OWN_DESCRIPTORS = 64  # stdio, ssh, logs, netlink, the event loop; counted: about 20, with room
MAX_FLOW_DESCRIPTORS = 4096  # kept free for open flows, or a quarter of the limit if that is less
NOTHING_KEPT: Mapping[Local, socket.socket] = MappingProxyType({})
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_KINDS = {Proto.TCP: socket.SOCK_STREAM, Proto.UDP: socket.SOCK_DGRAM}


def bind_local(proto: Proto, local: Local) -> socket.socket | int:
    """Return a non-blocking socket bound at local (TCP: listening), or the refusal's errno.

    You close it. Raises BindError (PL-BIND-LOOPBACK) for an address that is not loopback: no
    target, option or mistake of ours makes this machine listen to others.
    """
    _require_loopback(local)
    sock: socket.socket | None = None
    try:
        sock = socket.socket(_FAMILIES[local.family], _KINDS[proto])
        _prepare(sock, proto, local.family)
        sock.bind((local.address, local.port))
        if proto is Proto.TCP:
            sock.listen(BACKLOG)
    except OSError as error:
        if sock is not None:
            sock.close()
        return error.errno or 0
    return sock


def bind_together(
    proto: Proto, locals_: Iterable[Local], kept: Mapping[Local, socket.socket] = NOTHING_KEPT
) -> dict[Local, socket.socket | int]:
    """Bind all of these addresses, or none: a program that says localhost must find one service.

    Returns a socket or the refusal's errno for each; HELD_BACK is the errno of one that could be
    bound. A family that does not exist here holds nothing back. kept: sockets that
    are bound there already; they are never closed.
    """
    found = {local: kept.get(local) or bind_local(proto, local) for local in locals_}
    if all(not isinstance(one, int) or one in NO_FAMILY for one in found.values()):
        return found
    for local, one in found.items():
        if not isinstance(one, int):
            if local not in kept:
                one.close()
            found[local] = HELD_BACK
    return found


def read_local_facts(max_services: int = DEFAULT_MAX_SERVICES) -> LocalFacts:
    """Return what this machine allows; raises the descriptor limit to its hard maximum first."""
    return LocalFacts(
        ephemeral=_read_ephemeral(),
        unprivileged_start=_read_int("/proc/sys/net/ipv4/ip_unprivileged_port_start", 1024),
        is_privileged=_read_is_privileged(),
        families=tuple(family for family in (4, 6) if _has_loopback(family)),
        max_services=max_services,
        fd_services=count_services(raise_descriptor_limit()),
    )


def raise_descriptor_limit() -> int:
    """Raise RLIMIT_NOFILE to its hard maximum; return what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:  # not on Linux, where fs.nr_open is above every limit
        hard = max(soft, 65_536)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (hard, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        )
        return hard
    return soft


def count_services(descriptors: int) -> int:
    """Return how many services a descriptor limit allows: two sockets each, flows kept free."""
    for_flows = min(descriptors // 4, MAX_FLOW_DESCRIPTORS)
    return max(1, (descriptors - OWN_DESCRIPTORS - for_flows) // 2)


def _require_loopback(local: Local) -> None:
    address = ipaddress.ip_address(local.address)
    if address.version != local.family or not address.is_loopback or local.port < 1:
        raise BindError(
            f"{local.text} is not a loopback address of this machine",
            "report this: port-linker binds on loopback only",
            "PL-BIND-LOOPBACK",
        )


def _prepare(sock: socket.socket, proto: Proto, family: int) -> None:
    sock.setblocking(False)
    if family == 6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if proto is Proto.TCP and sys.platform == "linux":
        # Binds over connections in TIME_WAIT, so that a restart has its ports at once. Not for UDP,
        # where it would share the port with another program; nor on BSD and macOS, where it would
        # bind in front of another program's wildcard socket.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def _has_loopback(family: int) -> bool:
    try:
        with socket.socket(_FAMILIES[family], socket.SOCK_DGRAM) as sock:
            sock.bind((LOOPBACK[family], 0))
    except OSError:
        return False
    return True


def _read_ephemeral() -> tuple[int, int]:
    try:
        low, high = _read_text("/proc/sys/net/ipv4/ip_local_port_range").split()
        return int(low), int(high)
    except (OSError, ValueError):
        return DEFAULT_EPHEMERAL


def _read_int(path: str, default: int) -> int:
    try:
        return int(_read_text(path))
    except (OSError, ValueError):
        return default


def _read_is_privileged() -> bool:
    try:
        status = _read_text("/proc/self/status")
        line = next(line for line in status.splitlines() if line.startswith("CapEff:"))
        return bool(int(line.split()[1], 16) >> CAP_NET_BIND_SERVICE & 1)
    except (OSError, StopIteration, ValueError, IndexError):
        return False


def _read_text(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()
