"""An agent that falls silent at a stage of the test's choice, and the target that has it.

python mute_agent.py STAGE SIZE: reads what the host sends to a Python on the target (SIZE bytes of
program, the header), says that the agent has started, and speaks until STAGE.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

from port_linker.agent.probe import answer_doctor
from port_linker.mux.engine import Engine
from port_linker.protocol.messages import Facts, Hello

FACTS = Facts(
    uid=1000, user="alice", hostname="dev1", boot_id="another", netns="net:[1]",
    ephemeral=(32768, 60999), ssh_port=None, python="3.9.2", source="proc", pid=1, wall_s=0.0,
)  # fmt: skip
SCAN = {"pushed": False, "cost_ms": 4.0, "period_ms": 400}


class MuteAgent:
    """Answers up to a stage: link, facts, malformed, discovery, ping, measure, die, or never."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.engine = Engine(self)

    def start(self, sync: bytes) -> None:
        self.pump = self.engine.connect((0, 1), sync)

    def on_hello(self, message: dict[str, Any]) -> None:
        if self.stage == "link":
            return
        self.pump.start()
        self.engine.machine.send_hello(Hello("agent", "", 0).to_json())
        self.engine.attach(0)
        if self.stage == "die":
            self.engine.flush()
            asyncio.get_running_loop().call_later(0.1, os._exit, 3)
        elif self.stage == "facts":
            log = {"t": "log", "level": "error", "message": "this machine hides its sockets"}
            self.send(log)
        else:
            self.send(FACTS.to_json())

    def on_control(self, message: dict[str, Any]) -> None:
        kind = message.get("t")
        if kind == "probe" and self.stage == "malformed":
            self.send({"t": "probed", "id": message["id"], "scan": 5})
        elif self.stage == "discovery" or (kind == "measure" and self.stage == "measure"):
            return
        elif kind in ("probe", "measure"):
            for answer in answer_doctor(message, lambda: SCAN):
                self.send(answer)
            if self.stage == "ping":
                asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGSTOP)
        elif kind == "bye":
            os._exit(0)

    def send(self, message: dict[str, Any]) -> None:
        self.engine.machine.send_control(message)
        self.engine.flush()

    def on_open(self, flow: int, service: str, is_udp: bool) -> None: ...

    def on_pong(self, clock: int) -> None: ...

    def on_lost(self, reason: str) -> None:
        os._exit(0)


async def serve(stage: str, size: int) -> None:
    """Speak until the host leaves."""
    with os.fdopen(os.dup(0), "rb", buffering=0) as channel:
        while size:
            size -= len(channel.read(size))
        header = b""
        while not header.endswith(b"\n"):
            header += channel.read(1)
    os.write(1, b'PL1 {"agent":"started","pid":1}\n')
    MuteAgent(stage).start(bytes.fromhex(json.loads(header)["sync"]))
    await asyncio.Event().wait()


def write_python(folder: Path, then: str) -> str:
    """Return the path of a "Python" that answers stage 0, then does what `then` says in sh."""
    path = folder / "python"
    asked = f"exec {shlex.quote(sys.executable)} \"$@\" | sed '1s|/.*|{path}|'"
    path.write_text(f'#!/bin/sh\nif [ "$1" = -E ]; then {asked}; exit; fi\n{then}\n')
    path.chmod(0o755)
    return str(path)


def mute_python(folder: Path, stage: str) -> str:
    """Return the path of a "Python" that is an agent silent from this stage on."""
    words = shlex.join([sys.executable, __file__, stage])
    root = Path(__file__).parents[2]
    return write_python(folder, f'cd {root}; exec {words} "$5"')


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
