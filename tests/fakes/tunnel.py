"""Fake sidecars as commands and executables, and what they said."""

from __future__ import annotations

import asyncio
import os
import sys

from port_linker.link import reports
from port_linker.link.sidecar import Sidecar

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WAIT_S = 10.0


def write_fake(folder: str, how: str = "") -> str:
    """Write an executable that runs the fake sidecar; return its path."""
    path = os.path.join(folder, f"sidecar-{how or 'good'}")
    with open(path, "w") as file:
        file.write(
            f"#!/bin/sh\nexport PYTHONPATH='{REPOSITORY}' FAKE_SIDECAR='{how}'\n"
            f'exec {sys.executable} -m tests.fakes.sidecar "$@"\n'
        )
    os.chmod(path, 0o700)
    return path


class Heard:
    """A sidecar's owner."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[reports.Event] = asyncio.Queue()
        self.ends: asyncio.Queue[str] = asyncio.Queue()

    def start(self, path: str) -> Sidecar:
        """Start the sidecar of this path."""
        return Sidecar([path], self.events.put_nowait, self.ends.put_nowait)

    async def end(self) -> str:
        """Return why it ended."""
        async with asyncio.timeout(WAIT_S):
            return await self.ends.get()

    async def event(self) -> reports.Event:
        """Return what it told by itself."""
        async with asyncio.timeout(WAIT_S):
            return await self.events.get()
