"""A sidecar for tests: speaks the control vocabulary and carries TCP flows plainly.

python -m tests.fakes.sidecar --control-fd N     (environment: FAKE_SIDECAR chooses a misbehaviour)

A host dials the target's "UDP" port over TCP and names the service in the first line; the target
dials what its table says. UDP bindings are adopted and not served.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from typing import Any

HOW = os.environ.get("FAKE_SIDECAR", "")


class FakeSidecar:
    """One process."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.fds: list[int] = []
        self.table: dict[str, list[str]] = {}
        self.role = ""
        self.peer = ("", 0)
        self.secret = ""
        self.acceptors: dict[int, asyncio.Task[None]] = {}
        self.flows: dict[asyncio.Task[None], str] = {}
        self.total: dict[str, int] = {}
        self.acked = 0
        self.number: int | None = None  # of the question that is answered

    def tell(self, event: str, **row: Any) -> None:
        if self.number is not None:
            row["re"] = self.number
        self.control.sendall(json.dumps({"event": event, **row}).encode() + b"\n")

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        if HOW == "mute":
            await asyncio.Event().wait()
        self.tell("ready", v=99 if HOW == "old" else 2, version="0.0.1", pid=os.getpid())
        if HOW == "panics":
            sys.stderr.write("thread 'main' panicked\n")
            os._exit(101)
        rest = b""
        while True:
            data, fds = await loop.run_in_executor(None, self._receive)
            self.fds += fds
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                row = json.loads(line)
                if row["cmd"] == "shutdown":
                    return
                self.number = row.get("id")
                await getattr(self, "on_" + row["cmd"])(row)
                self.number = None

    async def on_door(self, _row: dict[str, Any]) -> None:
        """The agent's own door; this fake lets nobody in."""

    async def on_enter(self, row: dict[str, Any]) -> None:
        """Answer like an echo, so that a test sees what was shown at the door."""
        sock = socket.socket(fileno=self.fds.pop(0))
        assert row["fds"] == 1
        sock.setblocking(True)
        sock.sendall(sock.recv(4096))
        sock.close()

    def _receive(self) -> tuple[bytes, list[int]]:
        data, fds, _, _ = socket.recv_fds(self.control, 65536, 8)
        return data, list(fds)

    async def on_hello(self, row: dict[str, Any]) -> None:
        assert row["v"] == 2

    async def on_start(self, row: dict[str, Any]) -> None:
        self.role = row["role"]
        if HOW == "no-port":
            self.tell("error", code="no-udp-port", detail="all taken", cmd="start")
            return
        server = await asyncio.start_server(self._serve, row.get("bind") or "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.tell("listening", port=port, fingerprint="ab" * 32)

    async def on_peer(self, row: dict[str, Any]) -> None:
        self.secret = row["secret"]
        if self.role == "target":
            return
        if HOW == "unreachable" or not row["addresses"]:
            self.tell("error", code="unreachable", detail="no answer", cmd="peer")
            return
        host, _, port = row["addresses"][0].rpartition(":")
        self.peer = (host.strip("[]"), int(port))
        self.tell("connected", address=row["addresses"][0])

    async def on_services(self, row: dict[str, Any]) -> None:
        self.table = row["table"]

    async def on_adopt(self, row: dict[str, Any]) -> None:
        sock = socket.socket(fileno=self.fds.pop(0))
        if HOW == "refuses":
            sock.close()
            self.tell("error", code="bad-descriptor", detail="no", cmd="adopt")
            return
        sock.setblocking(False)
        if row["service"].startswith("tcp/"):
            task = asyncio.create_task(self._accept(sock, row["service"]))
            self.acceptors[row["binding"]] = task
        self.tell("adopted", binding=row["binding"])

    async def on_release(self, row: dict[str, Any]) -> None:
        task = self.acceptors.pop(row["binding"], None)
        if task is not None:
            task.cancel()
        self.tell("released", binding=row["binding"])

    async def on_reset_flows(self, row: dict[str, Any]) -> None:
        for task, service in list(self.flows.items()):
            if row.get("service") in (None, service):
                task.cancel()

    async def on_path(self, row: dict[str, Any]) -> None:
        if row["fds"]:
            sock = socket.socket(fileno=self.fds.pop(0))
            with contextlib.suppress(OSError):  # taken away again meanwhile
                sock.sendall(b"hello by relay")
            sock.detach()

    async def on_rebind(self, row: dict[str, Any]) -> None:
        self.tell("log", level="info", message="rebound")

    async def on_stats(self, row: dict[str, Any]) -> None:
        services = {
            key: {"flows_open": list(self.flows.values()).count(key), "flows_total": total}
            for key, total in self.total.items()
        }
        connection = {
            "address": "127.0.0.1:1",
            "rtt_ms": 1.5,
            "mtu": 1472,
            "sent_packets": 200,
            "lost_packets": 2,
            "received_bytes": sum(self.total.values()),
        }
        found = connection if self.peer[1] else None
        self.tell("stats", services=services, connection=found, acked_packets=self.acked)
        self.acked += 1

    async def on_peer_quiet(self, row: dict[str, Any]) -> None:
        self.tell("log", level="info", message=f"the peer is quiet: {row['is_quiet']}")

    async def _accept(self, sock: socket.socket, service: str) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(sock)
            task = asyncio.create_task(self._carry(client, service))
            self.flows[task] = service
            self.total[service] = self.total.get(service, 0) + 1
            task.add_done_callback(lambda done: self.flows.pop(done, None))

    async def _carry(self, client: socket.socket, service: str) -> None:
        reader, writer = await asyncio.open_connection(sock=client)
        try:
            there, back = await asyncio.open_connection(*self.peer)
            back.write(json.dumps([self.secret, service]).encode() + b"\n")
            await join(reader, writer, there, back)
        finally:
            abort(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secret, service = json.loads(await reader.readline())
        if secret != self.secret or service not in self.table:
            abort(writer)
            return
        host, _, port = self.table[service][0].rpartition(":")
        try:
            there, back = await asyncio.open_connection(host.strip("[]"), int(port))
        except OSError:
            abort(writer)
            return
        await join(reader, writer, there, back)


def abort(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


async def join(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    there: asyncio.StreamReader,
    back: asyncio.StreamWriter,
) -> None:
    """Copy both directions to their ends; an error resets both."""

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
        sink.write_eof()

    try:
        await asyncio.gather(copy(reader, back), copy(there, writer))
        back.close()
        writer.close()
    except BaseException:
        abort(back)
        abort(writer)
        raise


def main() -> None:
    """Serve the control socket that the command line names."""
    if "--version" in sys.argv:
        return
    with socket.socket(fileno=int(sys.argv[-1])) as control:
        control.setblocking(True)
        asyncio.run(FakeSidecar(control).run())
        os._exit(0)  # the thread that reads may still wait


if __name__ == "__main__":
    main()
