"""The ends of a measurement, each a small process: python traffic.py ROLE ARGUMENTS…

Standard library alone, so that it starts in 20 ms and runs under any Python. Servers print "ready".

sink PORT            read to the end, answer "BYTES SECONDS"
source PORT          read a line with seconds, send for that long
echo PORT            send back what comes, on any number of connections
push HOST PORT S     send to a sink for S seconds, print what it says
pull HOST PORT S     read from a source for S seconds, print "BYTES SECONDS"
ping HOST PORT N     N times connect, send a byte, wait for it; print the seconds of each as JSON
churn HOST PORT N K  N connections as in ping, K at a time; print "SECONDS FAILED"
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import threading
import time

BLOCK = 1 << 20
BUFFER = bytearray(BLOCK)


def serve(port: int, handle: object) -> None:
    """Serve every connection on a thread of its own."""
    listening = socket.create_server(
        ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024
    )
    print("ready", flush=True)
    while True:
        sock, _ = listening.accept()
        threading.Thread(target=handle, args=(sock,), daemon=True).start()  # type: ignore[arg-type]


def sink(sock: socket.socket) -> None:
    """Count to the end; the clock runs from the first byte."""
    buffer, total, begin = bytearray(BLOCK), 0, 0.0
    with sock, contextlib.suppress(ConnectionError):
        while size := sock.recv_into(buffer):
            begin = begin or time.monotonic()
            total += size
        sock.sendall(b"%d %f" % (total, time.monotonic() - begin))


def source(sock: socket.socket) -> None:
    """Send for as long as the line says."""
    with sock, contextlib.suppress(ConnectionError):
        end = time.monotonic() + float(sock.makefile("rb").readline())
        while time.monotonic() < end:
            sock.sendall(BUFFER)


def push(host: str, port: int, seconds: float) -> str:
    """Send for some seconds; return what the sink counted."""
    with socket.create_connection((host, port)) as sock:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sock.sendall(BUFFER)
        sock.shutdown(socket.SHUT_WR)
        return sock.makefile("r").read()


def pull(host: str, port: int, seconds: float) -> str:
    """Read from a source to its end; return bytes and seconds."""
    buffer, total, begin = bytearray(BLOCK), 0, 0.0
    with socket.create_connection((host, port)) as sock:
        sock.sendall(b"%f\n" % seconds)
        while size := sock.recv_into(buffer):
            begin = begin or time.monotonic()
            total += size
    return f"{total} {time.monotonic() - begin}"


def ping(host: str, port: int, count: int) -> str:
    """Return the seconds that connect, a byte out and a byte back took, each time anew."""
    took = []
    for _ in range(count):
        begin = time.monotonic()
        with socket.create_connection((host, port)) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(b"x")
            if sock.recv(1) != b"x":
                raise SystemExit("no reply")
        took.append(time.monotonic() - begin)
    return json.dumps(took)


async def churn(host: str, port: int, count: int, at_once: int) -> str:
    """Open and close many short connections; return the seconds and how many failed."""
    left, failed = count, 0

    async def worker() -> None:
        nonlocal left, failed
        while left > 0:
            left -= 1
            try:
                reader, writer = await asyncio.open_connection(host, port)
                writer.write(b"x")
                failed += await reader.read(1) != b"x"
                writer.close()
            except OSError:
                failed += 1

    begin = time.monotonic()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return f"{time.monotonic() - begin} {failed}"


class Echo(asyncio.Protocol):
    """Send back what comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def echo(port: int) -> None:
    """Serve an echo."""
    loop = asyncio.get_running_loop()
    for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        sock = socket.create_server((host, port), family=family, backlog=4096)
        await loop.create_server(Echo, sock=sock)
    print("ready", flush=True)
    await asyncio.Event().wait()


def main(role: str, *words: str) -> None:
    """Play one role."""
    if role in ("sink", "source"):
        serve(int(words[0]), sink if role == "sink" else source)
    elif role == "echo":
        asyncio.run(echo(int(words[0])))
    elif role in ("push", "pull"):
        print((push if role == "push" else pull)(words[0], int(words[1]), float(words[2])))
    elif role == "ping":
        print(ping(words[0], int(words[1]), int(words[2])))
    elif role == "churn":
        print(asyncio.run(churn(words[0], int(words[1]), int(words[2]), int(words[3]))))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
