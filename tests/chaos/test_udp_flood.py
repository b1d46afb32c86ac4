"""UDP from ever new source ports on a slow link: TCP keeps its rate, and nothing is reset."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest

from tests.lab import services as kinds
from tests.lab.fixtures import Start
from tests.lab.hosts import TwoHosts
from tests.lab.payload import blocks
from tests.lab.probe import exchange
from tests.lab.program import PortLinker
from tests.lab.quic import wait_quic
from tests.lab.services import Services

pytestmark = [pytest.mark.lab, pytest.mark.slow]
RATE_MBIT_S = 20
SIZE = 100_000_000  # more than the link carries meanwhile
WARM_S = 2.0
SAMPLE_S = 4.0
LEAST_SHARE = 0.8


class Flood:
    """One datagram from each of ever new ports, as fast as this machine makes them."""

    def __init__(self, lab: TwoHosts, port: int) -> None:
        self._lab, self._port = lab, port
        self.sent = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: lab.host.call(self._run), daemon=True)

    def _run(self) -> None:
        while not self._stop.is_set():
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with sock, contextlib.suppress(OSError):
                sock.sendto(b"x" * 50, ("127.0.0.1", self._port))
                self.sent += 1

    def __enter__(self) -> Flood:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)


class Transfer:
    """A TCP flow that is busy all the time, and what arrived of it."""

    def __init__(self, sock: socket.socket, is_upload: bool, arrived: list[int]) -> None:
        self.sock, self.arrived = sock, arrived
        work = self._upload if is_upload else self._download
        threading.Thread(target=work, daemon=True).start()

    def _upload(self) -> None:
        with contextlib.suppress(OSError):
            for block in blocks(SIZE):
                self.sock.sendall(block)

    def _download(self) -> None:
        self.sock.sendall(f"{SIZE}\n".encode())
        with contextlib.suppress(OSError):
            while data := self.sock.recv(1 << 16):
                self.arrived[0] += len(data)

    def rate(self) -> float:
        """Return the bytes a second of the next seconds."""
        before, began = self.arrived[0], time.monotonic()
        time.sleep(SAMPLE_S)
        return (self.arrived[0] - before) / (time.monotonic() - began)


@pytest.mark.parametrize("link", ["stdio", "quic"])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_tcp_keeps_its_rate_beside_a_flood_of_associations(
    lab: TwoHosts, services: Services, start: Start, link: str, direction: str
) -> None:
    arrived = [0]

    async def count(reader: kinds.Reader, writer: kinds.Writer) -> None:
        while data := await reader.read(1 << 16):
            arrived[0] += len(data)
        writer.close()

    services.tcp(kinds.source if direction == "down" else count, 7002)
    services.tcp(kinds.echo, 7001)
    services.udp(7004)
    program: PortLinker = start(lab, "target", "--link", link)
    for port in (7001, 7002):
        program.wait_service(port)
    program.wait_service(7004, proto="udp")
    if link == "quic":
        wait_quic(program, "up")
    lab.pair.limit_rate(RATE_MBIT_S)
    mark = program.mark()
    with lab.connect(7002, timeout_s=60) as busy, lab.connect(7001) as idle:
        transfer = Transfer(busy, direction == "up", arrived)
        time.sleep(WARM_S)
        alone = transfer.rate()
        with Flood(lab, 7004) as flood:
            beside = transfer.rate()
        assert exchange(idle, b"still here") == b"still here"
        assert not [event for event in program.events[mark:] if event["event"] == "session"]
        assert flood.sent > 10_000  # what a busy machine makes at least
        assert beside >= LEAST_SHARE * alone
