"""End the holder of a port, and no other process. I/O."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass

from port_linker.ports.os.holder import describe_process, read_start_ticks
from port_linker.ports.types import PortHolder, explain_refusal

POLITE_S = 1.0  # from SIGTERM to SIGKILL (design §5)
FORCED_S = 1.0  # from SIGKILL to giving up: an uninterruptible process does not end at all


@dataclass(frozen=True)
class KillResult:
    """Whether the process is gone; detail says why not."""

    is_ok: bool
    detail: str | None = None


async def kill_holder(
    holder: PortHolder, polite_s: float = POLITE_S, forced_s: float = FORCED_S
) -> KillResult:
    """End a process by SIGTERM, then SIGKILL; a holder that is gone already is fine.

    Refuses pid 1, our ancestors, other users' processes and other port-linkers, as they are now,
    whatever `holder` claims. Signals go through a pidfd that was opened before the start time was
    compared, so that a process which got the same pid later is never hit.
    """
    refusal = explain_refusal(holder)
    if refusal is not None or holder.pid is None:
        return KillResult(False, refusal)
    try:
        pidfd = os.pidfd_open(holder.pid)
    except ProcessLookupError:
        return KillResult(True)
    except (OSError, AttributeError) as error:  # kernels before 5.3; not Linux
        return KillResult(False, f"this system cannot name a process safely ({error})")
    try:
        return await _end_process(holder.pid, holder.start_ticks, pidfd, (polite_s, forced_s))
    finally:
        os.close(pidfd)


async def _end_process(
    pid: int, start_ticks: int | None, pidfd: int, patience_s: tuple[float, float]
) -> KillResult:
    if read_start_ticks(pid) != start_ticks:
        return KillResult(True)  # the holder is gone, the pid is another's
    refusal = explain_refusal(describe_process(pid))
    if refusal is not None:
        return KillResult(False, refusal)
    for number, wait_s in zip((signal.SIGTERM, signal.SIGKILL), patience_s, strict=True):
        try:
            signal.pidfd_send_signal(pidfd, number)
        except ProcessLookupError:
            return KillResult(True)
        except OSError as error:
            return KillResult(False, f"pid {pid} cannot be signalled ({error.strerror})")
        if await _wait_end(pidfd, wait_s):
            return KillResult(True)
    return KillResult(False, f"pid {pid} did not end within {sum(patience_s):g} s")


async def _wait_end(pidfd: int, timeout_s: float) -> bool:
    """Return whether the process ended in time; a pidfd is readable from then on."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(pidfd, ended.set)
    try:
        await asyncio.wait_for(ended.wait(), timeout_s)
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(pidfd)
    return True
