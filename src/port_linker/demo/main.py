"""`port-linker demo`: a target, a session with it, the steps, and nothing left behind. I/O."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from port_linker.demo import steps
from port_linker.demo.free import HeldPorts, hold_ports
from port_linker.demo.front import ClosableFrontEnd, DemoFront
from port_linker.demo.helper import TargetProcess, start_target
from port_linker.demo.play import Play
from port_linker.demo.services import NAMES, PORT_NAMES, QUIC
from port_linker.demo.wire import LOOPBACK
from port_linker.errors import PortLinkerError
from port_linker.folders import state_folder
from port_linker.session.settings import SessionSettings
from port_linker.session.start import run_session
from port_linker.ssh.target import parse_target

LEASE_S = 10  # if demo and target are both killed, the agent ends after it


@dataclass(frozen=True)
class DemoOptions:
    """How the demo runs.

    as_json: the steps are told as events, not as lines on stdout. tunnel_builder: the pid of who
    builds the sidecar's executable meanwhile, 0 for nobody.
    """

    once: bool = False
    as_json: bool = False
    log_file: str | None = None
    verbosity: int = 0
    log_to_stderr: bool = False
    tunnel_builder: int = 0


async def run_demo(options: DemoOptions, open_ordinary: Callable[[], ClosableFrontEnd]) -> int:
    """Run the demo; return the exit code. Raises StepFailed, which names the step."""
    front = DemoFront(open_ordinary, at_once=options.as_json, once=options.once)
    try:
        return await _Demo(options, front).run()
    finally:
        front.close()


class _Demo:
    def __init__(self, options: DemoOptions, front: DemoFront) -> None:
        self._options, self._front = options, front
        self._play = Play(self._tell)
        self._target: TargetProcess | None = None
        self._held: HeldPorts | None = None

    async def run(self) -> int:
        try:
            await self._play.play(steps.TARGET, self._open_target)
            return await self._run_session()
        finally:
            if self._target is not None:
                await self._target.close()
                _forget(self._target.spelling)
            if self._held is not None:
                self._held.close()

    async def _open_target(self) -> str:
        self._held = hold_ports(len(PORT_NAMES))
        ports = self._held.ports
        self._target = target = await start_target(ports)
        return steps.describe_target(target.is_private, target.host, ports)

    async def _run_session(self) -> int:
        target = self._target
        if target is None:
            raise RuntimeError("the target comes first")
        self._front.prepare(self._play, target, self._tell_end)
        self._play.current = steps.SESSION
        try:
            code = await run_session(plan_session(self._options, target), self._front)
        except PortLinkerError as error:
            if self._play.current is None:
                raise
            raise self._play.fail(error.message, error.hint) from error
        if self._front.failed is not None:
            raise self._front.failed
        return code

    def _tell(self, event: steps.DemoEvent) -> None:
        if self._options.as_json:
            self._front.on_event(event)
        elif event.ok:  # a failure is told by the error that ends the demo
            say(sys.stdout, event.line)

    def _tell_end(self) -> None:
        if not self._options.as_json and self._target is not None:
            goes_on = not self._options.once
            say(sys.stdout, steps.describe_end(self._target.ports["web"], goes_on))


def plan_session(options: DemoOptions, target: TargetProcess) -> SessionSettings:
    """Return the settings of a session with this target and nothing else."""
    protos = {name: "udp" if name == "udp" else "tcp" for name in NAMES}
    rules = tuple(f"{target.host}:{target.ports[name]}/{protos[name]}" for name in NAMES)
    return SessionSettings(
        target=target.spelling,
        on_conflict="skip",
        only=() if target.is_private else rules,
        allow=rules,
        target_python=sys.executable,  # PATH may hold none, where port-linker brought its own
        lease_s=LEASE_S,
        log_file=options.log_file,
        verbosity=options.verbosity,
        log_to_stderr=options.log_to_stderr,
        allow_self=not target.is_private,
        udp_ports=(target.ports[QUIC], target.ports[QUIC]),
        udp_addresses=(LOOPBACK,),
        tunnel_builder=options.tunnel_builder,
    )


def say(stream: TextIO, line: str) -> None:
    """Write one line of the demo at once. Raises BrokenPipeError if nobody reads."""
    stream.write(line + "\n")
    stream.flush()


def _forget(spelling: str) -> None:
    """Remove what the session kept for its next run: this target never comes again."""
    with contextlib.suppress(OSError):
        os.unlink(state_folder("targets", f"{parse_target(spelling).key}.json"))
