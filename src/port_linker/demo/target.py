"""The demo's target, a process of its own: `python -P -m port_linker.demo.target MODE PORTS`. I/O.

MODE: "private" makes a network of its own, "loopback" uses 127.77.0.1 of this machine. PORTS: of
services.PORT_NAMES, with commas. It reads orders from stdin, "start NAME" or "stop NAME", and
answers each with one JSON line on stdout; the first line tells that it is ready. It ends when its
stdin does, so that it never outlives the demo, and takes along what the demo left on the target.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sys
import time
from collections.abc import Mapping
from typing import Any

from port_linker.demo.leftovers import end_marked
from port_linker.demo.namespace import enter_private_network
from port_linker.demo.services import PORT_NAMES, QUIC, Services
from port_linker.demo.wire import Wire

PRIVATE, LOOPBACK = "private", "loopback"
HOSTS = {PRIVATE: "127.0.0.1", LOOPBACK: "127.77.0.1"}
AT_START = ("web", "tcp", "udp")
PROCESS_NAME = "demo-target"  # what the table shows


def main(words: list[str] | None = None) -> int:
    """Serve until stdin ends; return 1 if the target did not come about."""
    mode, ports = sys.argv[1:] if words is None else words
    name = secrets.token_hex(8)
    try:
        by_name = dict(zip(PORT_NAMES, map(int, ports.split(",")), strict=True))
        wire = None
        if mode == PRIVATE:
            wire = Wire(by_name[QUIC])
            enter_private_network()
        with contextlib.suppress(OSError), open("/proc/self/comm", "w", encoding="ascii") as file:
            file.write(PROCESS_NAME)
        asyncio.run(serve(HOSTS[mode], by_name, name, wire))
    except OSError as error:
        say(error=error.strerror or str(error))
        return 1
    finally:
        end_marked(name)
    return 0


async def serve(host: str, ports: Mapping[str, int], name: str, wire: Wire | None) -> None:
    """Start what is there from the start, then follow orders. Raises OSError."""
    services = Services(host, ports)
    try:
        if wire is not None:
            wire.open()
        for each in AT_START:
            await services.start(each)
        say(pid=os.getpid(), name=name, host=host)
        await _follow_orders(services)
    finally:
        services.close()
        if wire is not None:
            wire.close()


async def _follow_orders(services: Services) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        verb, _, name = line.decode("ascii").strip().partition(" ")
        try:
            if verb == "start":
                await services.start(name)
            else:
                services.stop(name)
        except OSError as error:
            say(error=error.strerror or str(error))
        else:
            say(at_s=time.monotonic())


def say(**message: Any) -> None:
    """Write one line to the demo; if it has gone, our stdin ends too."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
