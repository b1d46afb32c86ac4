"""Scans at a pace that follows the cost, at once on a close. I/O; runs on Python 3.9."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Callable

from port_linker.model import Service, ServiceId
from port_linker.scan.containers import open_container_reader
from port_linker.scan.owners import is_other_person
from port_linker.scan.rows import ScanUnavailableError
from port_linker.scan.scanner import Scanner
from port_linker.tasks import start_task

logger = logging.getLogger(__name__)

SETTLE_S = 0.02  # a process that ends closes many sockets; one scan sees them all


class Watcher:
    """Keeps looking while somebody listens."""

    def __init__(
        self, scanner: Scanner, on_services: Callable[[dict[ServiceId, Service]], None]
    ) -> None:
        self._scanner = scanner
        self._on_services = on_services
        self._containers = open_container_reader()
        self._kick = asyncio.Event()
        self._is_wanted = asyncio.Event()
        self._is_asking = False
        self._is_broken = False
        self._told: list[Service] | None = None
        self._uid = os.getuid()

    def start(self) -> None:
        """Scan now, tell everything anew, and go on until `pause`."""
        self._told = None
        self._is_wanted.set()
        self._kick.set()

    def tell_again(self) -> None:
        """The last news could not be passed on: tell them with the next scan."""
        self._told = None

    def pause(self) -> None:
        """Nobody listens: rest until `start`."""
        self._is_wanted.clear()

    async def run(self) -> None:
        """Scan until cancelled."""
        loop = asyncio.get_running_loop()
        fd = self._scanner.destroyed_fd
        if fd is not None:
            loop.add_reader(fd, self._on_destroyed)
        try:
            while True:
                await self._is_wanted.wait()
                self._scan()
                await self._rest(self._scanner.period_s)
        finally:
            if self._scanner.destroyed_fd is not None:
                loop.remove_reader(self._scanner.destroyed_fd)
            self._scanner.close()

    def _on_destroyed(self) -> None:
        fd = self._scanner.destroyed_fd
        if self._scanner.read_destroyed():
            self._kick.set()
        if fd is not None and self._scanner.destroyed_fd is None:
            asyncio.get_running_loop().remove_reader(fd)  # the scanner closed it: it had failed

    async def _rest(self, period_s: float) -> None:
        """Wait for the period's end, or a little after a kick."""
        loop = asyncio.get_running_loop()
        self._kick.clear()
        until = loop.time() + period_s
        timer = loop.call_later(period_s, self._kick.set)  # wait_for would make a task each time
        try:
            await self._kick.wait()
        finally:
            timer.cancel()
        if loop.time() < until:
            await asyncio.sleep(SETTLE_S)

    def _scan(self) -> None:
        try:
            services = self._scanner.scan()
        except ScanUnavailableError as error:
            if not self._is_broken:
                logger.error("this machine does not tell its sockets", extra={"error": str(error)})
            self._is_broken = True
            return
        self._is_broken = False
        if services is not self._told:  # the scanner gives the very same list while nothing changes
            self._told = services
            # Where there is no room for all, here or on the host, those at the end are left out.
            ranked = sorted(services, key=lambda service: is_other_person(service, self._uid))
            self._on_services({service.id: service for service in ranked})
        if not self._is_asking and self._containers.is_due(self._scanner.wants_containers()):
            self._is_asking = True
            start_task(self._ask_containers(), "containers")

    async def _ask_containers(self) -> None:
        """In a thread: an engine that hangs must not stop the flows."""
        try:
            loop = asyncio.get_running_loop()
            # Of an engine that is silent nothing is known, also not what it said before.
            self._scanner.set_containers(await loop.run_in_executor(None, self._containers.read))
        finally:
            self._is_asking = False
