"""Which addresses reach a service on the target itself. Pure; runs on Python 3.9."""

from __future__ import annotations

from port_linker.model import Service, plain_address


def plan_dial(service: Service) -> list[tuple[str, int]]:
    """Return the addresses to try, in order.

    The exact address that the service is bound to; for any address loopback of its family, and
    both for a dual-stack socket (IPV6_V6ONLY off), IPv4 first as most programs do.
    """
    host, port = service.id.host, service.id.port
    if host == "0.0.0.0":  # noqa: S104 - compared, not bound
        return [("127.0.0.1", port)]
    if host == "::":
        return [("::1", port)] if service.v6only else [("127.0.0.1", port), ("::1", port)]
    return [(str(plain_address(host)), port)]
