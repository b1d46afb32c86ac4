"""The demo's target, seen from the demo: starts its process, gives it orders, ends it. I/O."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import sys
from collections.abc import Mapping
from typing import Any

from port_linker.demo.services import PORT_NAMES
from port_linker.demo.steps import DemoFault
from port_linker.demo.target import LOOPBACK, PRIVATE

FORCE_LOOPBACK = "PORT_LINKER_DEMO_LOOPBACK"  # in the environment, to try the other kind of target
ANSWER_LIMIT_S = 5.0
END_LIMIT_S = 5.0  # it ends what the agent left within three


class TargetProcess:
    """The running target. Close it, or end: it ends with us.

    host: where its services listen, there. is_private: in a network of its own.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, ports: Mapping[str, int], mode: str
    ) -> None:
        self._process = process
        self.ports = ports
        self.is_private = mode == PRIVATE
        self.host = ""
        self.spelling = ""  # HOST as a session takes it

    async def open(self) -> None:
        """Wait until it is ready. Raises DemoFault with the reason if it is not."""
        ready = await self._answer()
        self.host = str(ready["host"])
        words = [*_python("join"), str(ready["pid"]), str(ready["name"])]
        self.spelling = f"exec:{shlex.join(words)}"

    async def start(self, name: str) -> float:
        """Start a service; return when it was listening (monotonic seconds). Raises DemoFault."""
        return await self._order(f"start {name}")

    async def stop(self, name: str) -> float:
        """Stop a service; return when it was closed (monotonic seconds). Raises DemoFault."""
        return await self._order(f"stop {name}")

    async def _order(self, order: str) -> float:
        stdin = self._process.stdin
        if stdin is not None:
            stdin.write(order.encode("ascii") + b"\n")
        return float((await self._answer())["at_s"])

    async def _answer(self) -> dict[str, Any]:
        stdout = self._process.stdout
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                line = await stdout.readline() if stdout is not None else b""
        except TimeoutError as error:
            raise DemoFault("the target's process does not answer") from error
        if not line:
            raise DemoFault("the target's process ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise DemoFault(str(answer["error"]))
        return answer

    async def close(self) -> None:
        """End it, and with it what is left on the target."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(END_LIMIT_S):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


async def start_target(ports: tuple[int, ...]) -> TargetProcess:
    """Return a target that is ready: in a private network, else on 127.77.0.1 of this machine.

    ports: of services.PORT_NAMES. Raises DemoFault if neither comes about.
    """
    modes = (LOOPBACK,) if os.environ.get(FORCE_LOOPBACK) else (PRIVATE, LOOPBACK)
    fault = DemoFault("no way was tried")
    for mode in modes:
        target = await _start(mode, ports)
        try:
            await target.open()
        except DemoFault as error:
            fault = error
            await target.close()
        except BaseException:
            await target.close()
            raise
        else:
            return target
    raise fault


async def _start(mode: str, ports: tuple[int, ...]) -> TargetProcess:
    process = await asyncio.create_subprocess_exec(
        *_python("target"),
        mode,
        ",".join(map(str, ports)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the demo, which then ends this in good order
    )
    return TargetProcess(process, dict(zip(PORT_NAMES, ports, strict=True)), mode)


def _python(module: str) -> list[str]:
    """Return the words that run a module of this room; -P keeps the working directory out."""
    return [sys.executable, "-P", "-m", f"port_linker.demo.{module}"]
