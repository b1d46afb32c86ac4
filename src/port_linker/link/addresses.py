"""Which addresses of the target the host tries over UDP. Pure.

A target must not choose whom we send packets to: few addresses, one port, unicast only, and
loopback only where ssh itself went there.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from port_linker.model import IPAddress, format_endpoint, plain_address
from port_linker.protocol.quic import MAX_ADDRESSES


def plan_addresses(
    port: int, ssh_addresses: Iterable[str], reported: Iterable[str]
) -> tuple[str, ...]:
    """Return the endpoints to try, the best first, at most MAX_ADDRESSES.

    ssh_addresses: where ssh connected to, none if it went through another machine.
    reported: where the target says it is.
    """
    direct = list(ssh_addresses)
    found: dict[str, None] = {}
    for text in [*direct, *reported]:
        plain = plain_address(text)
        if _may_try(plain, is_direct=text in direct):
            found[format_endpoint(str(plain), port)] = None
    return tuple(found)[:MAX_ADDRESSES]


def _may_try(address: IPAddress, *, is_direct: bool) -> bool:
    if address.is_multicast or address.is_unspecified or address == _BROADCAST:
        return False
    if getattr(address, "scope_id", None):
        return False  # of use on one link only, and QUIC knows no scope
    return is_direct or not address.is_loopback


_BROADCAST = ipaddress.IPv4Address("255.255.255.255")
