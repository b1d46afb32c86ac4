"""Which ports the demo's services may have. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

FIRST = 18080  # looks like the web port it stands for, and few programs use it
SPAN = 1000  # tried from there; further ports only where the ephemeral range covers these


def candidate_ports(ephemeral: tuple[int, int], unprivileged_start: int) -> Iterator[int]:
    """Yield ports in the order in which they are tried.

    ephemeral: this machine's range, both ends included; outgoing connections take ports of it at
    any time, so it comes last. unprivileged_start: the first port that needs no privilege.
    """
    low, high = ephemeral
    near = range(FIRST, FIRST + SPAN)
    far = range(max(1024, unprivileged_start), 0x10000)
    for ports, wants_ephemeral in ((near, False), (far, False), (far, True)):
        for port in ports:
            if (low <= port <= high) is wants_ephemeral and port >= unprivileged_start:
                yield port


def choose_ports(
    candidates: Iterator[int], count: int, is_free: Callable[[int], bool]
) -> tuple[int, ...]:
    """Return the first ports that are free, fewer than count if there are no more."""
    chosen: list[int] = []
    for port in candidates:
        if len(chosen) == count:
            break
        if port not in chosen and is_free(port):
            chosen.append(port)
    return tuple(chosen)
