"""What one socket of the kernel's tables looks like to us. Pure; runs on Python 3.9."""

from __future__ import annotations

import functools
import ipaddress
from typing import NamedTuple

from port_linker.errors import TargetError
from port_linker.model import Proto, canonical_host

MAX_ROWS = 65_536  # of one table; more listeners than ports of an address are not served anyway


class ScanFormatError(TargetError):
    """The kernel's answer is not in the documented format."""

    code = "PL-SCAN-FORMAT"


class ScanUnavailableError(TargetError):
    """Neither sock_diag nor /proc/net says which sockets there are."""

    code = "PL-SCAN-UNAVAILABLE"


class Row(NamedTuple):
    """One listening TCP socket or one bound, unconnected UDP socket.

    host: canonical text of the bound address; link-local with its interface ("fe80::1%2").
    inode: names the socket in /proc/<pid>/fd; 0 if the kernel itself holds it.
    v6only: whether "::" leaves IPv4 alone; only sock_diag knows, False otherwise.
    cgroup: number of the control group that it was made in; 0 where the kernel does not say.
    """

    proto: Proto
    host: str
    port: int
    uid: int
    inode: int
    v6only: bool
    cgroup: int = 0


class Table(NamedTuple):
    """One of the kernel's four socket tables. family: 4 or 6."""

    proto: Proto
    family: int

    @property
    def name(self) -> str:
        """The table's file in /proc/net: "tcp6"."""
        return self.proto.value + ("6" if self.family == 6 else "")


TABLES = tuple(Table(proto, family) for proto in Proto for family in (4, 6))


@functools.lru_cache(maxsize=4096)
def host_text(packed: bytes, interface: int = 0) -> str:
    """Return the canonical text of an address of 4 or 16 bytes in network order.

    interface: index that a link-local IPv6 address belongs to; 0 if unknown. Without it such
    an address cannot be dialled. Cached, because a scan meets the same few addresses again.
    """
    address = ipaddress.ip_address(packed)
    if interface and address.version == 6 and address.is_link_local:
        return f"{address}%{interface}"
    return canonical_host(str(address))
