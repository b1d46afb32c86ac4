"""Each table falls back to /proc/net on its own and comes back."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from port_linker.model import Proto
from port_linker.scan.netlink import DumpSocket
from port_linker.scan.procfs import ProcFs
from port_linker.scan.rows import TABLES, Row, ScanUnavailableError, Table
from port_linker.scan.sources import RowSource
from tests.scan import samples
from tests.scan.fake_proc import Clock, FakeProc


def refuse() -> DumpSocket:
    raise PermissionError(errno.EPERM, "no netlink here")


class ScriptedDump(DumpSocket):
    """A kernel that lists only what it is told, and refuses some tables."""

    def __init__(self, refused: set[Table]) -> None:
        self.refused = refused
        self.asked = 0
        self.closed = 0

    def read_table(self, table: Table) -> list[Row]:
        self.asked += 1
        if table in self.refused:
            raise OSError(errno.ENOENT, "no such module")
        return [Row(table.proto, "127.0.0.1", 1, 0, 1, False)]

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def fake(tmp_path: Path) -> FakeProc:
    fake = FakeProc(tmp_path / "proc")
    fake.set_table("tcp", samples.TCP_LITTLE)
    fake.set_table("udp", samples.UDP_LITTLE)
    return fake


@pytest.fixture(autouse=True)
def little_endian(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "fake" in request.fixturenames:
        monkeypatch.setattr("port_linker.scan.sources.sys.byteorder", "little")


def test_both_sources_tell_the_same() -> None:
    """Of real sockets of every kind; but only sock_diag knows v6only and the control group."""
    socks = [open_service(*place) for place in PLACES]
    inodes = {os.fstat(sock.fileno()).st_ino for sock in socks}
    diag, proc = RowSource(ProcFs()), RowSource(ProcFs(), refuse)
    try:
        found = [
            [row._replace(v6only=False, cgroup=0) for rows in source.read() for row in rows]
            for source in (diag, proc)
        ]
        ours = [sorted(row for row in rows if row.inode in inodes) for rows in found]
        assert len(ours[0]) == len(PLACES) == len(socks)
        assert ours[0] == ours[1]
        assert (diag.source, proc.source) == ("sock_diag", "proc")
    finally:
        diag.close()
        for sock in socks:
            sock.close()


PLACES = [
    (family, kind, host)
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
    for family, host in [
        (socket.AF_INET, "127.0.0.1"),
        (socket.AF_INET, "127.0.1.1"),
        (socket.AF_INET, "0.0.0.0"),
        (socket.AF_INET6, "::1"),
        (socket.AF_INET6, "::"),
        (socket.AF_INET6, "::ffff:127.0.0.1"),
    ]
]


def open_service(family: int, kind: int, host: str) -> socket.socket:
    sock = socket.socket(family, kind)
    sock.bind((host, 0))
    if kind == socket.SOCK_STREAM:
        sock.listen(1)
    return sock


def test_an_unchanged_text_is_not_parsed_again(fake: FakeProc) -> None:
    source = RowSource(fake.fs, refuse)
    before = source.read()
    assert [len(rows) for rows in before] == [3, 0, 1, 0]
    assert all(new is old for new, old in zip(source.read(), before, strict=True))
    fake.set_table("tcp", samples.TCP_LITTLE.replace(b":1538", b":1539"))
    assert source.read()[0][0].port == 0x1539


def test_a_link_local_address_gets_its_interface(fake: FakeProc) -> None:
    fake.set_table("tcp6", samples.TCP6_LITTLE)
    fake.set_table("if_inet6", b"fe80000000000000024a2bfffe800a01 02 40 20 80 eth0\n")
    assert RowSource(fake.fs, refuse).read()[1][2].host == "fe80::24a:2bff:fe80:a01%2"


def test_one_refused_table_is_read_from_proc(fake: FakeProc) -> None:
    dump = ScriptedDump({Table(Proto.UDP, 4)})
    source = RowSource(fake.fs, lambda: dump, Clock())
    tables = source.read()
    assert [rows[0].port if rows else 0 for rows in tables] == [1, 1, 53, 1]
    assert source.source == "sock_diag+proc"
    assert dump.closed == 1  # the rest of the refused dump goes with it


def test_a_refused_source_is_asked_again_ever_more_rarely(fake: FakeProc) -> None:
    clock = Clock()
    dump = ScriptedDump(set(TABLES))
    source = RowSource(fake.fs, lambda: dump, clock)
    for _ in range(1000):
        source.read()
        clock.now_s += 1
    assert 4 * 15 <= dump.asked <= 4 * 25
    dump.refused.clear()
    clock.now_s += 64
    source.read()
    assert source.source == "sock_diag"
    source.close()
    source.close()


def unreadable(fake: FakeProc) -> None:
    (fake.root / "net" / "tcp").unlink()
    (fake.root / "net" / "tcp").mkdir()


def missing(fake: FakeProc) -> None:
    (fake.root / "net" / "tcp").unlink()


def nonsense(fake: FakeProc) -> None:
    fake.set_table("tcp", b"head\n 0: 1 2 0A \n")


@pytest.mark.parametrize("spoil", [unreadable, missing, nonsense])
def test_without_any_source_a_person_is_told(
    fake: FakeProc, spoil: Callable[[FakeProc], None]
) -> None:
    spoil(fake)
    with pytest.raises(ScanUnavailableError, match="cannot be listed") as caught:
        RowSource(fake.fs, refuse).read()
    assert caught.value.code == "PL-SCAN-UNAVAILABLE"
    assert caught.value.hint
