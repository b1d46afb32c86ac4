"""Data Integrity: every byte arrives once, in order; ends and resets are those of a direct one."""

from __future__ import annotations

import resource
import socket
import threading
import time

import pytest

from tests.lab import services as kinds
from tests.lab.fixtures import Start
from tests.lab.hosts import TwoHosts
from tests.lab.payload import digest
from tests.lab.probe import exchange, read_all, read_digest, read_exactly, send_blocks
from tests.lab.services import Services

pytestmark = pytest.mark.lab
HUNDRED_MB = 100_000_000


def test_100_mb_up(lab: TwoHosts, services: Services, start: Start) -> None:
    services.tcp(kinds.sink, 7001)
    start(lab, "target").wait_service(7001)
    with lab.connect(7001, timeout_s=60) as sock:
        send_blocks(sock, HUNDRED_MB).join(60)
        assert read_all(sock).decode() == digest(HUNDRED_MB)


def test_100_mb_down(lab: TwoHosts, services: Services, start: Start) -> None:
    services.tcp(kinds.source, 7001)
    start(lab, "target").wait_service(7001)
    with lab.connect(7001, timeout_s=60) as sock:
        sock.sendall(f"{HUNDRED_MB}\n".encode())
        assert read_digest(sock) == (HUNDRED_MB, digest(HUNDRED_MB))


def test_both_directions_at_once(lab: TwoHosts, services: Services, start: Start) -> None:
    services.tcp(kinds.echo, 7001)
    start(lab, "target").wait_service(7001)
    size = 30_000_000
    with lab.connect(7001, timeout_s=60) as sock:
        sender = send_blocks(sock, size, seed=3)
        assert read_digest(sock) == (size, digest(size, 3))
        sender.join(5)


def test_two_clients_at_once(lab: TwoHosts, services: Services, start: Start) -> None:
    services.tcp(kinds.echo, 7001)
    start(lab, "target").wait_service(7001)
    results: dict[int, tuple[int, str]] = {}

    def client(seed: int) -> None:
        with lab.connect(7001, timeout_s=60) as sock:
            send_blocks(sock, 10_000_000, seed)
            results[seed] = read_digest(sock)

    threads = [threading.Thread(target=client, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == {seed: (10_000_000, digest(10_000_000, seed)) for seed in (1, 2)}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_udp_of_every_size_arrives_whole(
    lab: TwoHosts, services: Services, start: Start, host: str
) -> None:
    _, echo = services.udp(7001, host)
    start(lab, "target").wait_service(7001, proto="udp")
    with lab.host.bind_udp(host, 0) as one, lab.host.bind_udp(host, 0) as two:
        one.settimeout(5)
        two.settimeout(5)
        for size in (0, 1, 1200, 1472, 9000, 65_507):
            first, second = b"1" * size, b"2" * size
            one.sendto(first, (host, 7001))
            two.sendto(second, (host, 7001))
            assert two.recv(1 << 16) == second
            assert one.recv(1 << 16) == first
    assert len(echo.peers) == 2, "each client has an association of its own"


def test_half_close_from_here(lab: TwoHosts, services: Services, start: Start) -> None:
    services.tcp(kinds.count_to_end, 7001)
    start(lab, "target").wait_service(7001)
    with lab.connect(7001) as sock:
        sock.sendall(b"x" * 12_345)
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) == b"12345"


def test_half_close_from_there(lab: TwoHosts, services: Services, start: Start) -> None:
    got = bytearray()
    done = threading.Event()

    async def ends_first(reader: kinds.Reader, writer: kinds.Writer) -> None:
        writer.write(b"bye")
        writer.write_eof()
        got.extend(await reader.read())
        done.set()

    services.tcp(ends_first, 7001)
    start(lab, "target").wait_service(7001)
    with lab.connect(7001) as sock:
        assert read_all(sock) == b"bye"
        sock.sendall(b"still here")
        sock.shutdown(socket.SHUT_WR)
        assert done.wait(5)
    assert got == b"still here"


def test_a_reset_there_is_a_reset_here(lab: TwoHosts, services: Services, start: Start) -> None:
    services.tcp(kinds.reset, 7001)
    start(lab, "target").wait_service(7001)
    with lab.connect(7001) as sock:
        sock.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            sock.recv(1)


def test_a_reset_here_is_a_reset_there(lab: TwoHosts, services: Services, start: Start) -> None:
    ends: list[str] = []
    done = threading.Event()

    async def waits(reader: kinds.Reader, writer: kinds.Writer) -> None:
        writer.write(b"!")
        try:
            await reader.readexactly(2)
        except ConnectionResetError:
            ends.append("reset")
        except EOFError:
            ends.append("end")
        done.set()

    services.tcp(waits, 7001)
    start(lab, "target").wait_service(7001)
    sock = lab.connect(7001)
    assert sock.recv(1) == b"!"
    assert sock.send(b"x") == 1
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()
    assert done.wait(5)
    assert ends == ["reset"]


def test_a_refused_port_is_a_reset(lab: TwoHosts, start: Start) -> None:
    """The service listens, but its queue is full or its firewall says no: here, by a reset."""
    listening = lab.target.listen("127.0.0.1", 7001)
    program = start(lab, "target")
    program.wait_service(7001)
    rule = (
        "table inet no {\n chain i {\n type filter hook input priority 0;\n"
        " tcp dport 7001 reject with tcp reset\n }\n}\n"
    )
    lab.target.run("nft", "-f", "-", data=rule)
    with pytest.raises(ConnectionResetError), lab.connect(7001) as sock:
        sock.recv(1)
    listening.close()


def test_a_slow_reader_slows_no_other(lab: TwoHosts, services: Services, start: Start) -> None:
    services.tcp(kinds.source, 7001)
    services.tcp(kinds.echo, 7002)
    program = start(lab, "target")
    program.wait_service(7001)
    program.wait_service(7002)
    with lab.connect(7001) as slow, lab.connect(7002) as quick:
        slow.sendall(b"50000000\n")  # and reads none of it
        exchange(quick, b"warm")
        begin = time.monotonic()
        for _ in range(50):
            assert exchange(quick, b"x" * 1000) == b"x" * 1000
        assert time.monotonic() - begin < 1.0
        assert read_digest(slow) == (50_000_000, digest(50_000_000))


def test_a_thousand_connections_at_once(lab: TwoHosts, services: Services, start: Start) -> None:
    services.tcp(kinds.echo, 7001)
    program = start(lab, "target")
    program.wait_service(7001)
    raise_descriptor_limit()
    socks = [lab.connect(7001, timeout_s=20) for _ in range(1000)]
    try:
        for number, sock in enumerate(socks):
            sock.sendall(number.to_bytes(4, "big") * 100)
        for number, sock in enumerate(socks):
            assert read_exactly(sock, 400) == number.to_bytes(4, "big") * 100
    finally:
        for sock in socks:
            sock.close()


def raise_descriptor_limit() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def test_a_service_that_dies_resets_its_connections(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    served = services.tcp(kinds.echo, 7001)
    program = start(lab, "target")
    program.wait_service(7001)
    with lab.connect(7001) as sock:
        assert exchange(sock, b"x") == b"x"
        served.close()
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
