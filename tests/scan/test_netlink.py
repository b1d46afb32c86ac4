"""The netlink sockets: dumps, destroy notices, and what happens when they fail."""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from port_linker.model import Proto
from port_linker.scan import netlink
from port_linker.scan.netlink import ClosedSocketWatch, DumpSocket
from port_linker.scan.rows import Row, ScanFormatError, Table
from port_linker.scan.sockdiag import ClosedSocket, DumpPart, parse_closed, parse_dump_part
from tests.scan.child import NOBODY, run_as_nobody
from tests.scan.fake_proc import Clock
from tests.scan.samples import DONE, error_message, socket_message

TCP4, TCP6 = Table(Proto.TCP, 4), Table(Proto.TCP, 6)
UDP4, UDP6 = Table(Proto.UDP, 4), Table(Proto.UDP, 6)
TOLD_WITHIN_S = 1.0


@pytest.fixture
def dump() -> Iterator[DumpSocket]:
    dump = DumpSocket()
    yield dump
    dump.close()


@pytest.fixture
def watch() -> Iterator[ClosedSocketWatch]:
    watch = ClosedSocketWatch()
    yield watch
    watch.close()


def listen(host: str, family: int = socket.AF_INET) -> socket.socket:
    sock = socket.socket(family)
    sock.bind((host, 0))
    sock.listen(1)
    return sock


def row_of(sock: socket.socket, rows: list[Row]) -> Row | None:
    inode = os.fstat(sock.fileno()).st_ino
    return next((row for row in rows if row.inode == inode), None)


def test_a_listening_socket_is_a_row(dump: DumpSocket) -> None:
    with listen("127.0.1.1") as sock:
        row = row_of(sock, dump.read_table(TCP4))
        port, inode = sock.getsockname()[1], os.fstat(sock.fileno()).st_ino
        assert row is not None
        wanted = Row(Proto.TCP, "127.0.1.1", port, os.getuid(), inode, False)
        assert row._replace(cgroup=0) == wanted
    assert all(row.inode != inode for row in dump.read_table(TCP4))


@pytest.mark.parametrize("v6only", [0, 1])
def test_whether_ipv4_reaches_an_ipv6_socket_is_told(dump: DumpSocket, v6only: int) -> None:
    with socket.socket(socket.AF_INET6) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
        sock.bind(("::", 0))
        sock.listen(1)
        row = row_of(sock, dump.read_table(TCP6))
        assert row is not None
        assert (row.host, row.v6only) == ("::", bool(v6only))


def test_a_connected_udp_socket_is_no_service(dump: DumpSocket) -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as bound,
        socket.socket(type=socket.SOCK_DGRAM) as connected,
        socket.socket(type=socket.SOCK_DGRAM) as fresh,
    ):
        bound.bind(("127.0.0.1", 0))
        connected.connect(bound.getsockname())
        rows = dump.read_table(UDP4)
        assert row_of(bound, rows) is not None
        assert row_of(connected, rows) is None
        assert row_of(fresh, rows) is None


def test_a_table_without_a_change_is_the_same_list(dump: DumpSocket) -> None:
    with listen("::1", socket.AF_INET6):
        for _ in range(100):  # others of this machine may come and go between two reads
            before = dump.read_table(TCP6)
            if dump.read_table(TCP6) is before:
                return
    raise AssertionError("every read parsed the table again")


def test_many_sockets_take_several_packets(dump: DumpSocket) -> None:
    socks = [listen("127.0.0.1") for _ in range(600)]
    try:
        inodes = {os.fstat(sock.fileno()).st_ino for sock in socks}
        assert inodes <= {row.inode for row in dump.read_table(TCP4)}
        assert len(dump._known[TCP4]) > 2
    finally:
        for sock in socks:
            sock.close()


def test_nobody_may_ask_and_hear_too() -> None:
    sock = listen("127.0.0.1")

    def ask() -> None:
        dump, watch = DumpSocket(), ClosedSocketWatch()
        row = row_of(sock, dump.read_table(TCP4))
        assert row is not None
        assert row.uid == 0
        with listen("127.0.0.1") as own:
            own_row = row_of(own, dump.read_table(TCP4))
            assert own_row is not None
            assert own_row.uid == NOBODY
            port = own.getsockname()[1]
        wait_for(watch, ClosedSocket(Proto.TCP, "127.0.0.1", port))

    try:
        run_as_nobody(ask)
    finally:
        sock.close()


def wait_for(watch: ClosedSocketWatch, closed: ClosedSocket) -> None:
    """Read until the notice comes, which must be soon."""
    for _ in range(1000):
        assert select.select([watch], [], [], TOLD_WITHIN_S)[0], "not told"
        if closed in watch.read():
            return
    raise AssertionError("told about everything else")


@pytest.mark.parametrize(
    ("family", "kind", "host", "proto"),
    [
        (socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1", Proto.TCP),
        (socket.AF_INET6, socket.SOCK_STREAM, "::1", Proto.TCP),
        (socket.AF_INET, socket.SOCK_DGRAM, "0.0.0.0", Proto.UDP),
        (socket.AF_INET6, socket.SOCK_DGRAM, "::", Proto.UDP),
    ],
)
def test_a_closed_service_is_told_at_once(
    watch: ClosedSocketWatch, family: int, kind: int, host: str, proto: Proto
) -> None:
    with socket.socket(family, kind) as sock:
        sock.bind((host, 0))
        if proto is Proto.TCP:
            sock.listen(1)
        port = sock.getsockname()[1]
    wait_for(watch, ClosedSocket(proto, host, port))


def test_closed_connections_do_not_wake_anybody(watch: ClosedSocketWatch) -> None:
    with listen("127.0.0.1") as sock:
        with socket.create_connection(sock.getsockname()) as near:
            far, _ = sock.accept()
            far.close()
            near_port = near.getsockname()[1]
        port = sock.getsockname()[1]
    heard: list[ClosedSocket] = []
    while ClosedSocket(Proto.TCP, "127.0.0.1", port) not in heard:
        assert select.select([watch], [], [], TOLD_WITHIN_S)[0]
        raw = watch._sock.recv(65536)
        heard.extend(parse_closed(raw))
        assert struct.unpack_from(">HH", raw, 20) != (near_port, port)  # not even to the parser


def test_nothing_to_read_is_nothing(watch: ClosedSocketWatch) -> None:
    while watch.read():
        pass
    watch.close()
    with pytest.raises(OSError, match="descriptor"):
        watch.read()
    watch.close()


class ScriptedSocket:
    """Stands in for the kernel: answers packet by packet, or raises."""

    def __init__(self, *answers: bytes | OSError) -> None:
        self.answers = list(answers)
        self.closed = False

    def send(self, request: bytes) -> int:
        return len(request)

    def recv(self, size: int) -> bytes:
        answer = self.answers.pop(0) if self.answers else BlockingIOError()
        if isinstance(answer, OSError):
            raise answer
        return answer

    def close(self) -> None:
        self.closed = True


Script = Callable[..., ScriptedSocket]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    def play(*answers: bytes | OSError) -> ScriptedSocket:
        kernel = ScriptedSocket(*answers)
        monkeypatch.setattr(netlink, "_open_netlink", lambda groups: kernel)
        return kernel

    return play


def test_a_late_packet_is_waited_for(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    script(BlockingIOError(), socket_message("::1", 80), DONE)
    monkeypatch.setattr(netlink, "_wait_readable", lambda sock, timeout_s: True)
    assert [row.port for row in DumpSocket().read_table(TCP6)] == [80]


def test_a_kernel_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    dump = DumpSocket()
    near, far = socket.socketpair()
    near.setblocking(False)
    dump._sock.close()
    dump._sock = near
    monkeypatch.setattr("port_linker.clock.monotonic_s", Clock(step_s=1.0))
    with far, pytest.raises(TimeoutError, match="does not answer"):
        dump.read_table(TCP6)
    dump.close()


@pytest.mark.parametrize(
    ("answer", "code"),
    [(error_message(2), errno.ENOENT), (OSError(errno.ENOBUFS, "lost"), errno.ENOBUFS)],
)
def test_a_refusal_is_an_error_with_its_number(
    script: Script, answer: bytes | OSError, code: int
) -> None:
    script(answer)
    with pytest.raises(OSError, match=r"refuses|lost") as caught:
        DumpSocket().read_table(UDP6)
    assert caught.value.errno == code


def test_a_dump_without_an_end_is_refused(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netlink, "_MAX_PACKETS", 3)
    script(*[socket_message("::1", port) for port in (1, 2, 3, 4)])
    with pytest.raises(ScanFormatError, match="does not end"):
        DumpSocket().read_table(TCP6)


def test_only_packets_that_changed_are_parsed_again(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, other = (socket_message("::1", port) for port in (1, 2, 3))
    script(first, second, DONE, first, other, DONE, first, DONE)
    parsed: list[bytes] = []

    def parse(raw: bytes, proto: Proto) -> DumpPart:
        parsed.append(raw)
        return parse_dump_part(raw, proto)

    monkeypatch.setattr(netlink, "parse_dump_part", parse)
    dump = DumpSocket()
    assert [row.port for row in dump.read_table(TCP6)] == [1, 2]
    parsed.clear()
    assert [row.port for row in dump.read_table(TCP6)] == [1, 3]
    assert parsed == [other]
    assert [row.port for row in dump.read_table(TCP6)] == [1]


def test_lost_notices_are_counted_and_a_storm_is_read_in_portions(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(netlink, "_READ_PACKETS", 2)
    notice = socket_message("::1", 80, attrs=struct.pack("=HHB3x", 5, 10, 6))
    kernel = script(OSError(errno.ENOBUFS, "lost"), notice, notice, notice)
    monkeypatch.setattr(netlink, "_attach_filter", refuse)
    watch = ClosedSocketWatch()
    assert watch.read() == []
    assert watch.lost == 1
    assert len(watch.read()) == 2
    assert len(kernel.answers) == 1


def refuse(*anything: object) -> None:
    raise OSError(errno.EPERM, "no filters here")


class NoGroups(socket.socket):
    def bind(self, address: object) -> None:
        raise PermissionError(errno.EPERM, f"not {address}")


def test_groups_that_are_forbidden_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("port_linker.scan.netlink.socket.socket", NoGroups)
    with pytest.raises(PermissionError, match="not"):
        ClosedSocketWatch()
