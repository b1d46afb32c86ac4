"""Which other port stands in for one that cannot be had here. Pure."""

from __future__ import annotations

from collections.abc import Iterator

STEP = 10_000
FIRST_OFFSET = 8_000  # 80 -> 8080, 443 -> 8443: the numbers that people expect
MAX_TRIES = 20  # ports tried for one service; a machine where all are taken has other troubles


def remap_candidates(
    port: int, remembered: int | None, unprivileged_start: int, ephemeral: tuple[int, int]
) -> Iterator[int]:
    """Yield the ports to try: the remembered one, port + 8000, + 18000 …, then upward from there.

    None is privileged, and none but the remembered one lies in this machine's ephemeral range
    (first, last), where any program may be given it by chance.
    """
    seen = {port}
    for candidate in _all_candidates(port, remembered, unprivileged_start):
        if candidate in seen or not unprivileged_start <= candidate <= 0xFFFF:
            continue
        if ephemeral[0] <= candidate <= ephemeral[1] and candidate != remembered:
            continue
        seen.add(candidate)
        yield candidate


def _all_candidates(port: int, remembered: int | None, start: int) -> Iterator[int]:
    if remembered is not None:
        yield remembered
    yield from range(port + FIRST_OFFSET, 0x10000, STEP)
    around = max(start, 1024)
    first = around + port % max(1, 0x8000 - around)  # spread, so that neighbours do not collide
    yield from range(first, 0x10000)
    yield from range(around, first)
