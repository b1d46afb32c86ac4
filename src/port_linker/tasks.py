"""The one helper that starts asyncio tasks, so that none is lost or nameless. Python 3.9."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from port_linker.errors import PortLinkerError

logger = logging.getLogger(__name__)
_running: set[asyncio.Task[Any]] = set()


def start_task(coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
    """Start a task that is kept alive until done; its error is logged with its name."""
    task = asyncio.get_running_loop().create_task(coroutine, name=name)
    _running.add(task)
    task.add_done_callback(_report)
    return task


def _report(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    error = None if task.cancelled() else task.exception()
    if isinstance(error, PortLinkerError):  # expected; whoever awaits the task tells it to people
        logger.info("task %s ended: %s", task.get_name(), error.message)
    elif error is not None:
        logger.error("task %s failed", task.get_name(), exc_info=error)


async def stop_task(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for its end; its own errors were reported by start_task."""
    task.cancel()
    await asyncio.wait([task])
