"""A session that plays a script of events to a front end, for tests in a real terminal.

python -m tests.fakes.session [--json | --plain] [--no-color]

It reads commands from the fifo FAKE_COMMANDS, one per line, so that a test decides what happens
when: up N, service PORT STATE, hostile, outage, back, ask, withdraw, crash, stubborn, close.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
from collections.abc import Mapping

from port_linker import clock
from port_linker.cli import connect
from port_linker.cli.args import Settings
from port_linker.cli.signals import run_main
from port_linker.link.interface import Traffic
from port_linker.ports.types import ServiceState
from port_linker.session.events import LinkState, SessionEvent, SessionState
from port_linker.session.frontend import FrontEnd
from port_linker.session.questions import Question
from port_linker.session.settings import SessionSettings
from port_linker.tasks import start_task, stop_task
from tests.fakes.causes import why
from tests.ui import samples


class FakeSession:
    """Both the session and its control."""

    def __init__(self, front: FrontEnd, commands: str) -> None:
        self._front = front
        self._commands = commands
        self._ended = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None
        self._ports: list[int] = []

    def quit(self) -> None:
        self._ended.set()

    def reconnect_now(self) -> None:
        self._emit(samples.log("reconnect asked", "warning"))

    def has_answer(self, key: str) -> bool:
        return False

    def take_back(self, key: str) -> bool:
        self._emit(samples.log(f"take back {key}", "warning"))
        return True

    async def login(self) -> None:
        """Ask as ssh does: on the terminal, by a child of ours, whose stdin is something else."""
        script = (
            'printf "password: " >/dev/tty; read answer </dev/tty; echo "got $answer" >/dev/tty'
        )
        child = await asyncio.create_subprocess_exec("sh", "-c", script)
        await child.wait()
        self._emit(dataclasses.replace(samples.link(), needs_you=False))

    def traffic(self) -> Mapping[str, Traffic]:
        if "crash" in self._commands_seen:
            raise RuntimeError("the counters broke")
        return {f"tcp/127.0.0.1:{port}": Traffic(port * 10, port, 1, 2) for port in self._ports[:2]}

    _commands_seen: set[str] = set()  # noqa: RUF012 - one session a process

    async def run(self) -> int:
        show = start_task(self._show(), "front end")
        reading = start_task(self._read_commands(), "commands")
        self._emit(samples.session(SessionState.CONNECTING))
        try:
            await self._ended.wait()
        finally:
            await stop_task(show)
            if "stubborn" in self._commands_seen:
                await asyncio.Event().wait()
        await stop_task(reading)
        self._emit(samples.session(SessionState.CLOSED))
        return 0

    async def _show(self) -> None:
        await self._front.run(self)
        self.quit()

    def _emit(self, event: SessionEvent) -> None:
        self._front.on_event(dataclasses.replace(event, at=clock.wall_s()))

    async def _read_commands(self) -> None:
        reader = asyncio.StreamReader()
        pipe = os.fdopen(os.open(self._commands, os.O_RDWR | os.O_NONBLOCK), "rb")
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        while True:
            word, *rest = (await reader.readline()).decode().split()
            self._commands_seen.add(word)
            self._obey(word, rest)

    def _obey(self, word: str, rest: list[str]) -> None:  # noqa: C901 - a dispatcher
        if word == "up":
            self._emit(samples.session(SessionState.UP))
            self._emit(samples.link())
            self._ports = list(range(8000, 8000 + int(rest[0])))
            for port in self._ports:
                self._emit(samples.service(port, process=f"app{port}"))
        elif word == "service":
            state = ServiceState(rest[1])
            self._emit(samples.service(int(rest[0]), state, reason="as the test says"))
        elif word == "hostile":
            self._emit(samples.service(7000, process=samples.HOSTILE, container="[red]x[/]"))
        elif word == "outage":
            self._emit(samples.session(SessionState.OUTAGE, reason="ssh ended", retry_in_s=4.0))
        elif word == "needs":
            lost = dataclasses.replace(
                samples.link(), state=LinkState.DOWN, cause=why("login refused")
            )
            self._emit(dataclasses.replace(lost, needs_you=True))
        elif word == "back":
            self._emit(samples.session(SessionState.REATTACHED))
            self._emit(samples.session(SessionState.UP))
        elif word == "ask":
            self._asking = start_task(self._ask(samples.question()), "ask")
        elif word == "withdraw" and self._asking is not None:
            self._asking.cancel()
        elif word == "close":
            self.quit()

    async def _ask(self, question: Question) -> None:
        answer = await self._front.ask(question)
        event = samples.service(8080, reason=str(answer))
        self._emit(event)


async def run_session(settings: SessionSettings, front: FrontEnd) -> int:
    """Stand in for session.start.run_session."""
    del settings
    return await FakeSession(front, os.environ["FAKE_COMMANDS"]).run()


def main() -> int:
    """Run a front end as the command line would choose it."""
    settings = Settings(
        "connect",
        "dev1",
        json="--json" in sys.argv,
        plain="--plain" in sys.argv,
        no_color="--no-color" in sys.argv,
    )
    around = connect.look_around(settings)

    async def start() -> int:
        front = connect.open_front(settings, around)
        try:
            return await run_session(SessionSettings("dev1"), front)
        finally:
            front.close()

    return run_main(start)


if __name__ == "__main__":
    sys.exit(main())
