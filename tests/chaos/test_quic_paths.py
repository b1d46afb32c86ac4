"""Paths that seem to work: one way only, kept warm by a stranger, or forgotten by a NAT."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from tests.chaos.test_quic import Download, hold_to
from tests.lab.hosts import TARGET4, TwoHosts
from tests.lab.netns import Namespace
from tests.lab.pair import HOST4, STRANGER_TTL
from tests.lab.probe import exchange
from tests.lab.program import PortLinker
from tests.lab.quic import (
    count_carried,
    host_sidecars,
    target_sidecars,
    udp_port,
    wait_carried,
    wait_quic,
)

pytestmark = pytest.mark.lab
ETH_P_ALL = 3  # linux/if_ether.h
UDP_DARK_S = 3.0  # until the first byte of a connection that was opened at the first lost packet
SSH_DARK_S = 7.0
HOLDS = "UDP answers again; it must hold for a while first"
ID_BYTES = 8  # of our connection ids (gate.rs)


def answer_s(lab: TwoHosts) -> float:
    """Return how long a new connection waits for its first byte."""
    begin = time.monotonic()
    with lab.connect(7001, timeout_s=20) as sock:
        assert exchange(sock, b"x") == b"x"
        return time.monotonic() - begin


def go_dark(lab: TwoHosts, program: PortLinker, way: str) -> tuple[float, ...]:
    """Block UDP, and return how long a connection waited that was opened then; end well again."""
    times, mark = 1 + count_carried(lab, "127.0.0.1:7001"), program.mark()
    lab.pair.block_udp(way)
    took_s = answer_s(lab)
    wait_quic(program, "down", mark)
    answer_s(lab)
    lab.pair.unblock_udp()
    wait_quic(program, "up", mark, timeout_s=30)
    wait_carried(lab, 7001, times)
    return (took_s,)


@pytest.mark.parametrize("way", ["out", "in"])
def test_udp_that_passes_one_way_only_is_left(lab: TwoHosts, program: PortLinker, way: str) -> None:
    hold_to(lambda: go_dark(lab, program, way), UDP_DARK_S)
    assert not [e for e in program.events if e.get("state") == "outage"]


class Stranger:
    """Sees connection ids on the wire, and sends both sides packets with them every half second."""

    def __init__(self, lab: TwoHosts) -> None:
        (here,), (there,) = host_sidecars(lab), target_sidecars(lab)
        ports = udp_port(lab.host, here), udp_port(lab.target, there)
        self.sent = 0
        self._is_over = threading.Event()
        self._sniffer = lab.host.call(
            lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        )
        self._sniffer.settimeout(10)
        to_host, to_target = self._see(TARGET4, HOST4), self._see(HOST4, TARGET4)
        self._ends = [
            (self._open(lab.target), HOST4, self._forge(ports[1], ports[0], to_host)),
            (self._open(lab.host), TARGET4, self._forge(ports[0], ports[1], to_target)),
        ]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _see(self, source: str, destination: str) -> bytes:
        """Return the connection id of the next short packet that goes this way."""
        addresses = socket.inet_aton(source) + socket.inet_aton(destination)
        while True:
            packet = self._sniffer.recv(65536)
            payload = packet[(packet[0] & 15) * 4 + 8 :]
            is_udp = packet[9] == socket.IPPROTO_UDP and packet[12:20] == addresses
            if is_udp and payload[0] & 0xC0 == 0x40:
                return payload[1 : 1 + ID_BYTES]

    @staticmethod
    def _open(end: Namespace) -> socket.socket:
        kind = (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
        sock = end.call(lambda: socket.socket(*kind))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, STRANGER_TTL)
        return sock

    @staticmethod
    def _forge(source: int, destination: int, known_id: bytes) -> bytes:
        payload = b"\x40" + known_id + os.urandom(50)
        return struct.pack(">4H", source, destination, 8 + len(payload), 0) + payload

    def _run(self) -> None:
        while not self._is_over.wait(0.5):
            for sock, address, packet in self._ends:
                sock.sendto(packet, (address, 0))
            self.sent += 1

    def close(self) -> None:
        self._is_over.set()
        self._thread.join(5)
        for sock in (self._sniffer, *(end[0] for end in self._ends)):
            sock.close()


@pytest.fixture
def stranger(lab: TwoHosts, program: PortLinker) -> Iterator[Stranger]:
    made = Stranger(lab)
    yield made
    made.close()


def test_a_strangers_packets_with_known_ids_are_no_sign_of_life(
    lab: TwoHosts, program: PortLinker, stranger: Stranger
) -> None:
    assert answer_s(lab) < 1
    hold_to(lambda: go_dark(lab, program, "both"), UDP_DARK_S)
    assert stranger.sent > 4
    assert not [e for e in program.events if e.get("state") == "outage"]


def test_a_nat_that_forgets_costs_no_connection(lab: TwoHosts, program: PortLinker) -> None:
    (sidecar,) = host_sidecars(lab)
    port, mark, seen_as = udp_port(lab.host, sidecar), program.mark(), iter(range(20_001, 20_100))

    def forget() -> tuple[float, ...]:
        lab.pair.remap_udp(port, next(seen_as))
        return (answer_s(lab),)

    download = Download(lab)
    with lab.connect(7001, timeout_s=20) as sock:
        assert exchange(sock, b"before") == b"before"
        for _ in range(3):
            hold_to(forget, UDP_DARK_S)
            assert exchange(sock, b"after") == b"after"
        download.check()
    assert not [e for e in program.events[mark:] if e.get("state") in ("down", "outage")]


def test_new_connections_do_not_notice_that_tcp_is_dark(lab: TwoHosts, program: PortLinker) -> None:
    def lose_ssh() -> tuple[float, ...]:
        mark = program.mark()
        lab.pair.block_tcp()
        took_s = answer_s(lab)
        program.wait_event("link", mark, 15, link="stdio", state="down")
        later_s = answer_s(lab)
        lab.pair.unblock_tcp()
        program.wait_event("link", mark, 40, link="stdio", state="up")
        return took_s, later_s

    hold_to(lose_ssh, 1, 1)
    assert not [e for e in program.events if e.get("state") == "outage"]


def test_a_connection_over_ssh_goes_on_when_ssh_goes_dark(
    lab: TwoHosts, program: PortLinker
) -> None:
    def lose_ssh() -> tuple[float, ...]:
        times, mark = 1 + count_carried(lab, "127.0.0.1:7001"), program.mark()
        lab.pair.block_udp()
        wait_quic(program, "down", mark)
        lab.pair.unblock_udp()
        program.wait_event("link", mark, 20, link="quic", reason=HOLDS)  # new flows go over ssh
        with lab.connect(7001, timeout_s=40) as sock:
            begin = time.monotonic()
            lab.pair.block_tcp()
            assert exchange(sock, b"x") == b"x"
            took_s = time.monotonic() - begin
        lab.pair.unblock_tcp()
        program.wait_event("link", mark, 40, link="stdio", state="up", path=None)
        wait_carried(lab, 7001, times)
        return (took_s,)

    hold_to(lose_ssh, SSH_DARK_S)
    assert not [e for e in program.events if e.get("state") == "outage"]
