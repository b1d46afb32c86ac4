"""The real agent in this process: its runner, an attacher's end of the door, a host's link."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from port_linker.agent import runner as agent_runner
from port_linker.agent.runner import AgentRunner
from port_linker.link.interface import Binding
from port_linker.link.mux_link import MuxLink
from port_linker.model import Proto, ServiceId
from port_linker.scan.scanner import Scanner
from port_linker.tasks import start_task, stop_task
from tests.fakes.waiting import WAIT_S, until

AGENT_ID = f"{os.getpid():08x}"  # abstract sockets are seen by the tests in other processes
TOKEN = "70cce4" * 8
SYNC = "ab" * 16


class HostEnd:
    """A host's link over one channel at a time, and what it heard."""

    def __init__(self, name: str = "host-1") -> None:
        self.link = MuxLink(self, name)
        self.attached: asyncio.Queue[bool] = asyncio.Queue()
        self.lost: asyncio.Queue[str] = asyncio.Queue()
        self.controls: list[dict[str, Any]] = []
        self._bound: list[socket.socket] = []
        self.channel: socket.socket | None = None

    def connect(self, channel: socket.socket, sync: str = SYNC) -> None:
        self.channel = channel
        channel.setblocking(False)
        self.link.connect((channel.fileno(), channel.fileno()), bytes.fromhex(sync))

    async def wait_attached(self) -> bool:
        async with asyncio.timeout(WAIT_S):
            return await self.attached.get()

    def cut(self) -> None:
        """End the channel, as a dead ssh does."""
        self.link.disconnect()
        if self.channel is not None:
            self.channel.close()

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.controls if message.get("t") == kind]

    def knows(self, key: str) -> bool:
        """Whether the agent told of a service."""
        return any(
            row["id"] == key for message in self.told("services")
            for row in message.get("appeared", ())
        )  # fmt: skip

    def mirror(self, key: str) -> tuple[str, int]:
        """Bind a local port for a service; return its address."""
        proto, _, endpoint = key.partition("/")
        host, _, port = endpoint.rpartition(":")
        kind = socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM
        sock = socket.socket(socket.AF_INET, kind)
        sock.bind(("127.0.0.1", 0))
        if proto == "tcp":
            sock.listen(64)
        sock.setblocking(False)
        self._bound.append(sock)
        name: tuple[str, int] = sock.getsockname()
        service = ServiceId(Proto(proto), host, int(port))
        self.link.adopt(Binding(service, sock, f"{name[0]}:{name[1]}"))
        return name

    async def close(self) -> None:
        await self.link.close()
        self.cut()
        for sock in self._bound:
            sock.close()

    # LinkOwner

    def on_attached(self, resumes: bool) -> None:
        self.attached.put_nowait(resumes)

    def on_link_lost(self, reason: str) -> None:
        self.lost.put_nowait(reason)

    def on_control(self, message: dict[str, Any]) -> None:
        self.controls.append(message)

    def on_round_trip(self, rtt_s: float) -> None:
        """Not looked at."""


class AgentRig:
    """An agent that runs here, and ways to attach to it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # The services of these tests are in this very process, which an agent leaves out.
        monkeypatch.setattr(agent_runner, "Scanner", lambda own_pids: Scanner())
        self.address = str(folder / "agent.sock")
        self.control, self._theirs = socket.socketpair()
        self.task: asyncio.Task[None] | None = None
        self.runner: AgentRunner | None = None
        self._socks = [self.control, self._theirs]

    def start(self, lease: tuple[float, float] = (60.0, 30.0), **changes: Any) -> None:
        """Start the agent; it waits for what comes over `control`."""
        start = {
            "id": AGENT_ID, "token": TOKEN, "sockets": [self.address], "dir": None,
            "version": "0.1.0", "lease": lease, **changes,
        }  # fmt: skip
        self.runner = AgentRunner(start)
        self.task = start_task(self.runner.run(self._theirs), "agent")

    def offer(self, control: socket.socket, **changes: Any) -> socket.socket:
        """Send an attach line with a fresh channel; return our end of it."""
        ours, theirs = socket.socketpair()
        message = {"token": TOKEN, "sync": SYNC, "host": "host-1", "version": "0.1.0", **changes}
        line = json.dumps({"attach": message}).encode() + b"\n"
        socket.send_fds(control, [line], [theirs.fileno(), theirs.fileno()])
        theirs.close()
        self._socks.append(ours)
        return ours

    async def attach(self, host: HostEnd, control: socket.socket | None = None) -> bool:
        """Attach a host; return whether its flows went on."""
        control = control or self.control
        host.connect(self.offer(control, host="host"))
        reply = await self.read_line(control)
        assert reply == {"attached": {"pid": os.getpid()}}
        return await host.wait_attached()

    async def knock(self) -> socket.socket:
        """Connect to the agent's own socket."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        self._socks.append(sock)
        address = self.address
        name: str | bytes = b"\0" + address[1:].encode() if address[0] == "@" else address
        await asyncio.get_running_loop().sock_connect(sock, name)
        return sock

    async def read_line(self, control: socket.socket) -> dict[str, Any] | None:
        """Return what the agent says to the attacher, None at the end."""
        control.setblocking(False)
        line = b""
        async with asyncio.timeout(WAIT_S):
            while not line.endswith(b"\n"):
                data = await asyncio.get_running_loop().sock_recv(control, 1)
                if not data:
                    return None
                line += data
        message: dict[str, Any] = json.loads(line)
        return message

    async def wait_ended(self) -> None:
        """Wait until the agent has ended by itself; raises what it raised."""
        assert self.task is not None
        task = self.task
        await until(task.done)
        task.result()

    async def close(self) -> None:
        """End everything."""
        if self.task is not None:
            await stop_task(self.task)
        for sock in self._socks:
            with contextlib.suppress(OSError):
                sock.close()
