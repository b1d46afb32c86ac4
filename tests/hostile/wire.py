"""The target's end of the wire, spoken by hand: stage 0, the attacher's answer, frames of any kind.

Nothing of it is checked here: what the host must survive has to be sayable.
"""

from __future__ import annotations

import json
import os
import random
import re
import select
import socket
import sys
import time
from typing import Any

from port_linker.mux import frames
from port_linker.protocol.version import WIRE_VERSION

PREFIX = b"\x00PLSYNC1"  # what a link begins with, before 16 bytes of ours
HELLO = {"v": WIRE_VERSION, "me": "0123456789abcdef", "peer": "", "received": 0}
READ_BYTES = 1 << 20


class HostLeft(Exception):
    """The host has closed the channel."""


class Wire:
    """Our half of one channel. reads: whether what the host says is taken from the pipe."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.reads = True
        self.flows: dict[int, str] = {}  # that the host has opened: number -> service
        self.heard: list[dict[str, Any]] = []  # control messages, the last thousand
        self.sync = b""
        self._in = b""
        self._pongs: list[bytes] = []

    # Before the link

    def read_stage0(self) -> str:
        """Take the shell's text from the host, and return its nonce."""
        text = self._read_until(b"\nport_linker\n")
        found = re.search(rb"nonce=(\w+)", text)
        return "" if found is None else found[1].decode()

    def report(self, nonce: str, more: str = "") -> None:
        """Say what a good target would."""
        lines = f"os=Linux\narch={os.uname().machine}\nuid={os.getuid()}\n"
        lines += f"python=3.11.0 {sys.executable}\ndir=wx /tmp\n{more}"
        self.write(f"\nPL1-STAGE0 {nonce} begin\n{lines}PL1-STAGE0 {nonce} end\n".encode())

    def read_header(self) -> dict[str, Any]:
        """Take the attacher and its header."""
        run = self._read_until(b"\n")
        size = int(run.split()[1])
        while len(self._in) < size:
            self._fill()
        self._in = self._in[size:]
        header: dict[str, Any] = json.loads(self._read_until(b"\n"))
        return header

    def answer(self, line: dict[str, Any]) -> None:
        """Say a line as the attacher does."""
        self.write(b"PL1 " + json.dumps(line).encode() + b"\n")

    def greet(self, **other: Any) -> None:
        """Begin the link."""
        self._read_until(PREFIX + self.sync)
        self.write(PREFIX + self.sync)
        self.say(frames.HELLO, 0, json.dumps({**self.hello(), **other}).encode())

    def hello(self) -> dict[str, Any]:
        """Return a hello that the host takes: of an agent that it has not met."""
        return {**HELLO, "me": f"{os.getpid():016x}"}

    def attach(self) -> None:
        """Do all of it as it should be."""
        self.report(self.read_stage0())
        self.sync = bytes.fromhex(self.read_header()["sync"])
        self.answer({"agent": "started", "pid": 1})
        self.greet()

    # The link

    def say(self, kind: int, flow: int, body: bytes, length: int | None = None) -> None:
        """Send a frame. length: what its header claims."""
        size = len(body) if length is None else length
        word = kind << 56 | (flow & 0xFFFFFFFF) << 24 | (size & 0xFFFFFF)
        self.write(word.to_bytes(8, "big") + body)

    def control(self, message: Any) -> None:
        """Send a control message; bytes as they are."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.say(frames.CONTROL, 0, body)

    def facts(self, **other: Any) -> None:
        """Say what the agent says of its machine."""
        self.control({**FACTS, **other})

    def write(self, data: bytes) -> None:
        """Write all of it; what the host says meanwhile is taken if `reads`."""
        view = memoryview(data)
        while view:
            sources = [0] if self.reads else []
            readable, writable, _ = select.select(sources, [1], [], 60)
            if readable:
                self._fill()
            if writable:
                try:
                    view = view[os.write(1, view[:65536]) :]
                except OSError:
                    raise HostLeft from None

    def settle(self) -> None:
        """Wait until the host has taken in all that was said."""
        self.reads, body = True, self.random.randbytes(8)
        if self.sync:
            self.say(frames.PING, 0, body)
        while body not in self._pongs:
            self.listen(0.1)

    def listen(self, for_s: float) -> None:
        """Answer pings and note flows for a while, as a good agent does."""
        end = time.monotonic() + for_s
        while (left := end - time.monotonic()) > 0:
            if select.select([0], [], [], left)[0]:
                self._fill()
            self.take()

    def connect(self, port: int, times: int, wait_s: float = 10.0) -> None:
        """Be a client of a port that the host has bound for us."""
        end = time.monotonic() + wait_s
        while times and time.monotonic() < end:
            try:
                with socket.create_connection(("127.0.0.1", port), 1) as sock:
                    sock.sendall(b"x")
                    times -= 1
            except OSError:
                pass
            self.listen(0.001)

    def take(self) -> None:
        """Read the frames that are there."""
        while len(self._in) >= 8:
            word = int.from_bytes(self._in[:8], "big")
            kind, flow, size = word >> 56, word >> 24 & 0xFFFFFFFF, word & 0xFFFFFF
            if len(self._in) < 8 + size:
                return
            body, self._in = self._in[8 : 8 + size], self._in[8 + size :]
            self._on_frame(kind, flow, body)

    def _on_frame(self, kind: int, flow: int, body: bytes) -> None:
        if kind == frames.PING:
            self.say(frames.PONG, 0, body)
        elif kind == frames.PONG:
            self._pongs = [*self._pongs[-9:], body]
        elif kind == frames.OPEN:
            self.flows[flow] = body[9:].decode(errors="replace")
        elif kind == frames.RESET:
            self.flows.pop(flow, None)
        elif kind == frames.CONTROL:
            self.heard = [*self.heard[-1000:], json.loads(body)]

    def _read_until(self, mark: bytes) -> bytes:
        while (at := self._in.find(mark)) < 0:
            self._fill()
        text, self._in = self._in[: at + len(mark)], self._in[at + len(mark) :]
        return text

    def _fill(self) -> None:
        try:
            data = os.read(0, READ_BYTES)
        except OSError:
            data = b""
        if not data:
            raise HostLeft
        self._in += data


FACTS: dict[str, Any] = {
    "t": "facts", "uid": os.getuid(), "user": "me", "hostname": "liar", "boot_id": "of-a-liar",
    "netns": "net:[1]", "ephemeral": [32768, 60999], "ssh_port": 22, "python": "3.11.0",
    "source": "sock_diag", "pid": 7, "wall_s": 1.0,
}  # fmt: skip


def service(number: int, **other: Any) -> dict[str, Any]:
    """Return one of very many services: each has its own port or address."""
    host = f"127.{number >> 22 & 255}.{number >> 14 & 255}.1"
    port = 1024 + number % 16384
    return {"id": f"tcp/{host}:{port}", "uid": os.getuid(), "process": "x", "pid": 7, **other}
