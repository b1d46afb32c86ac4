"""Who is not the announced peer does not get in over UDP, and does not slow down who is."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from port_linker.link import control, reports
from port_linker.link.faults import SidecarFailed
from port_linker.link.find import find_executable
from port_linker.link.sidecar import Sidecar
from tests.lab import noise
from tests.lab import services as kinds
from tests.lab.fixtures import Start
from tests.lab.hosts import TARGET4, TwoHosts
from tests.lab.pair import HOST4
from tests.lab.payload import digest
from tests.lab.probe import exchange, read_digest
from tests.lab.quic import (
    count_carried,
    log_lines,
    patched_env,
    start_quic,
    target_sidecars,
    udp_port,
    wait_carried,
    wait_quic,
)
from tests.lab.services import Services

pytestmark = pytest.mark.lab
ETH_P_ALL = 3  # linux/if_ether.h; ETH_P_IP would show no outgoing packets
KEPT = 30  # of the first packets; the introduction is over long before
NOISE_PER_S = 10_000
PAIRS = 3  # measurements; the machine may be busy with other things in one of them

# The fingerprint as one side's sidecar hears it, in place of the true one.
WRONG_PIN = {
    "host": "from port_linker.link.control import Peer as told",
    "target": "from port_linker.protocol.quic import QuicStart as told",
}
TELL_WRONG = """
true = told.to_json
told.to_json = lambda self: {**true(self), "fingerprint": "5a" * 32}
"""
KEEP_PEER = """
import json, os
from port_linker.link.control import Peer
true = Peer.to_json
def keep(self):
    with open(os.path.expanduser("~/peer.json"), "w") as file:
        json.dump(true(self), file)
    return true(self)
Peer.to_json = keep
"""


@pytest.mark.parametrize("side", ["host", "target"])
def test_a_wrong_pin_ends_quic_and_nothing_else(
    lab: TwoHosts, services: Services, start: Start, side: str
) -> None:
    services.tcp(kinds.echo, 7001)
    env = patched_env(lab, WRONG_PIN[side] + TELL_WRONG, PORT_LINKER_LINK="auto")
    program = start(lab, "target", env=env)
    program.wait_service(7001)
    with lab.connect(7001) as sock:
        assert exchange(sock, b"before") == b"before"
        reason = wait_quic(program, "down")["reason"]
        assert "certificate" in reason
        assert exchange(sock, b"x" * 100_000) == b"x" * 100_000
    (first, *_) = (line for line in log_lines(lab) if line["message"] == "QUIC did not come up")
    assert first["fields"]["reason"] == reason
    assert count_carried(lab, "127.0.0.1:7001") == 0
    assert not [e for e in program.events if e.get("state") == "outage"]


class Recorder:
    """Keeps the UDP payloads that the host sends to the target."""

    def __init__(self, lab: TwoHosts) -> None:
        kind = (socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.sock = lab.host.call(lambda: socket.socket(*kind))
        self.sock.settimeout(0.1)
        self.packets: list[bytes] = []
        self._is_over = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while len(self.packets) < KEPT and not self._is_over:
            try:
                packet = self.sock.recv(65536)
            except TimeoutError:
                continue
            head = (packet[0] & 15) * 4
            addresses = socket.inet_aton(HOST4) + socket.inet_aton(TARGET4)
            if packet[9] == socket.IPPROTO_UDP and packet[12:20] == addresses:
                self.packets.append(packet[head + 8 :])

    def close(self) -> None:
        self._is_over = True
        self._thread.join(5)
        self.sock.close()


@pytest.fixture
def recorder(lab: TwoHosts) -> Iterator[Recorder]:
    """Records from now on."""
    made = Recorder(lab)
    yield made
    made.close()


async def test_a_replayed_introduction_lets_nobody_in(
    lab: TwoHosts, services: Services, recorder: Recorder
) -> None:
    services.tcp(kinds.echo, 7001)
    program = start_quic(lab, env=patched_env(lab, KEEP_PEER))
    program.wait_service(7001)
    wait_carried(lab, 7001)
    with lab.connect(7001, timeout_s=20) as sock:
        assert exchange(sock, b"before") == b"before"
        (sidecar,) = target_sidecars(lab)

        # A second client that knows all that the first one was told.
        assert await is_refused(lab, read_peer(lab))

        # Each packet of the first client again, from another port: none is answered.
        recorder.close()
        assert any(packet[0] & 0xC0 == 0xC0 for packet in recorder.packets)  # long headers
        with lab.host.socket(kind=socket.SOCK_DGRAM) as stranger:
            stranger.connect((TARGET4, udp_port(lab.target, sidecar)))
            for packet in recorder.packets:
                stranger.send(packet)
            assert exchange(sock, b"after") == b"after"  # came behind them, by the same socket
            stranger.setblocking(False)
            with pytest.raises(BlockingIOError):
                stranger.recv(2048)
        assert target_sidecars(lab) == [sidecar]
    with lab.connect(7001) as sock:
        assert exchange(sock, b"new") == b"new"
    assert not [e for e in program.events if e.get("state") == "down"]
    program.stop()


def read_peer(lab: TwoHosts) -> dict[str, Any]:
    """Return what KEEP_PEER kept."""
    with open(os.path.join(lab.host_home, "peer.json")) as file:
        found: dict[str, Any] = json.load(file)
    return found


async def is_refused(lab: TwoHosts, told: dict[str, Any]) -> bool:
    """Whether another sidecar of the host that was told the same does not get in."""
    second = Sidecar(lab.host.command(find_executable()), lambda _: None, lambda _: None)
    try:
        await second.greet()
        await second.ask(control.Start(control.ROLE_HOST), reports.Listening)
        words = (told["fingerprint"], told["secret"], told["connection_id"])
        peer = control.Peer(*words, addresses=tuple(told["addresses"]))
        try:
            await second.ask(peer, reports.Connected, limit_s=15)
        except SidecarFailed as error:
            return error.fault in ("unreachable", "handshake")
        return False
    finally:
        await second.shut()


SIZE = 60_000_000


def download_s(lab: TwoHosts) -> float:
    """Return how long a download took; its bytes are checked."""
    begin = time.monotonic()
    with lab.connect(7002, timeout_s=60) as sock:
        sock.sendall(f"{SIZE}\n".encode())
        assert read_digest(sock) == (SIZE, digest(SIZE))
    return time.monotonic() - begin


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_garbage_at_the_port_slows_nobody(lab: TwoHosts, services: Services) -> None:
    lab.pair.limit_rate(300)
    services.tcp(kinds.source, 7002)
    program = start_quic(lab)
    program.wait_service(7002)
    wait_carried(lab, 7002)
    (sidecar,) = target_sidecars(lab)
    port, shares = udp_port(lab.target, sidecar), []
    for _ in range(PAIRS):
        alone_s = download_s(lab)
        words = [TARGET4, str(port), str(NOISE_PER_S), str(NOISE_PER_S * 30)]
        pipe = subprocess.PIPE
        thrower = lab.host.start(sys.executable, noise.__file__, *words, stdin=pipe, stdout=pipe)
        beside_s = download_s(lab)
        said, _ = thrower.communicate(timeout=10)
        sent, seconds = (float(word) for word in said.split())
        assert sent / seconds >= 0.8 * NOISE_PER_S
        shares.append(alone_s / beside_s)
        if shares[-1] >= 0.5:
            break
    assert max(shares) >= 0.5, shares
    assert not [e for e in program.events if e.get("state") in ("down", "outage")]
    assert target_sidecars(lab) == [sidecar]
    program.stop()
