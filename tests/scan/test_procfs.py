"""What /proc says of processes, hostile names included."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from port_linker.scan.procfs import ProcFs
from tests.scan.child import living_child, run_as_nobody, set_own_name
from tests.scan.fake_proc import FakeProc


@pytest.fixture
def fake(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path / "proc")


def test_our_own_process_is_read_for_real() -> None:
    proc, me = ProcFs(), os.getpid()
    with socket.socket() as sock:
        inode = os.fstat(sock.fileno()).st_ino
        assert (str(sock.fileno()), inode) in list(proc.iter_sockets(me))
        assert inode in proc.list_sockets(me)
        assert proc.is_holding(me, str(sock.fileno()), inode)
        assert not proc.is_holding(me, str(sock.fileno()), inode + 1)
    assert me in proc.list_pids()
    assert proc.read_parent(me) == os.getppid()
    assert proc.read_uid(me) == os.getuid()
    assert proc.read_command(me).startswith(sys.orig_argv[0].encode() + b"\0")
    assert proc.read_name(me) == Path("/proc/self/comm").read_bytes()[:-1]
    assert b":/" in proc.read_cgroup(me)
    assert proc.read_net("tcp").startswith(b"  sl  local_address")
    first, last = proc.read_port_range()
    assert 0 < first < last < 65536


def test_what_is_gone_is_empty(fake: FakeProc) -> None:
    assert fake.fs.read_net("tcp6") == b""
    assert fake.fs.list_sockets(5) == set()
    assert not fake.fs.is_holding(5, "3", 7)
    assert fake.fs.read_parent(5) == 0
    assert fake.fs.read_uid(5) == -1
    assert fake.fs.read_name(5) == fake.fs.read_command(5) == b""
    assert fake.fs.read_cgroup(5) == b""
    assert fake.fs.read_port_range() == (32768, 60999)
    assert ProcFs(str(fake.root / "nowhere")).list_pids() == []


def test_a_table_that_cannot_be_read_is_an_error(fake: FakeProc) -> None:
    (fake.root / "net" / "tcp").mkdir()
    with pytest.raises(IsADirectoryError):
        fake.fs.read_net("tcp")


def test_only_sockets_have_an_inode(fake: FakeProc) -> None:
    fake.add(5, {3: 77})
    (fake.root / "5" / "fd" / "4").symlink_to("socket:[odd]")
    assert sorted(fake.fs.iter_sockets(5)) == [("0", 0), ("3", 77), ("4", 0)]


def test_a_name_with_parentheses_does_not_move_the_parent(fake: FakeProc) -> None:
    fake.add(5, {}, name=b"a) S 99 (b", parent=4)
    assert fake.fs.read_parent(5) == 4
    (fake.root / "5" / "stat").write_bytes(b"5 (x) S")
    assert fake.fs.read_parent(5) == 0


def test_a_command_line_of_megabytes_is_cut_by_the_read(fake: FakeProc) -> None:
    fake.add(5, {}, command=b"x" * (4 << 20))
    assert len(fake.fs.read_command(5)) == 4096


def test_a_foreign_process_is_refused_and_has_no_sockets_for_us() -> None:
    def look() -> None:
        with pytest.raises(PermissionError):
            list(ProcFs().iter_sockets(1))
        assert ProcFs().list_sockets(1) == set()

    run_as_nobody(look)


def test_a_name_of_any_bytes_is_read_whole() -> None:
    """A real process that names itself by escape sequences, a newline and half a character."""
    name = b"\x1b[2J\n\xc3 x\n"
    with living_child(lambda: set_own_name(name)) as pid:
        assert ProcFs().read_name(pid) == name
        assert ProcFs().read_parent(pid) == os.getpid()
