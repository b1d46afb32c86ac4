"""The sidecar's executable as a session needs it: there, being built, or missing. I/O."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from port_linker.cause import (
    NO_TUNNEL,
    TUNNEL_BUILDING,
    TUNNEL_NOT_BUILT,
    TUNNEL_UNREADABLE,
    Cause,
)
from port_linker.link.find import Tunnel, TunnelMissing, find_executable, read_tunnel

POLL_S = 0.5


async def load_tunnel(builder: int, tell: Callable[[Cause], None]) -> Tunnel:
    """Return the executable, once it is built if somebody builds it.

    builder: the pid of who builds it, 0 for nobody. tell: takes the cause why there is none, now
    or for good. Raises TunnelMissing if there is none and nobody builds it, or it cannot be read.
    """
    path = await _wait_path(builder, tell)
    try:
        return await asyncio.to_thread(read_tunnel, path)
    except TunnelMissing:
        tell(Cause(TUNNEL_UNREADABLE))
        raise


async def _wait_path(builder: int, tell: Callable[[Cause], None]) -> str:
    told = False
    while True:
        is_building = builder > 0 and _runs(builder)  # asked before the look, or its end is missed
        try:
            return find_executable()
        except TunnelMissing:
            if not is_building:
                tell(Cause(NO_TUNNEL if builder == 0 else TUNNEL_NOT_BUILT))
                raise
        if not told:
            told = True
            tell(Cause(TUNNEL_BUILDING))
        await asyncio.sleep(POLL_S)


def _runs(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")
