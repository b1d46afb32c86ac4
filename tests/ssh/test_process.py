"""A real child: its socket, its stderr, its end, and Ctrl-C in a real terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from port_linker.ssh import process, spawn
from port_linker.ssh.process import ProgramMissingError, read_ssh_version, start_process
from tests.ssh.terminal import is_alive, run_in_terminal


def ignore(_line: str) -> None:
    """Take a line of stderr and do nothing."""


async def test_stdin_and_stdout_are_one_socket_and_stderr_comes_in_lines() -> None:
    lines: list[str] = []
    child = start_process(["sh", "-c", "echo one >&2; printf two >&2; cat; exit 7"], lines.append)
    child.sock.send(b"hello")
    child.sock.shutdown(socket.SHUT_WR)
    assert await child.receive(100) == b"hello"
    assert await child.receive(100) == b""
    assert await child.wait() == 7
    assert child.status == 7
    assert lines == ["one", "two"]
    await child.close()


async def test_what_the_child_wrote_before_its_end_is_read() -> None:
    child = start_process(["sh", "-c", "echo last words"], ignore)
    assert await child.wait() == 0
    assert await child.receive(100) == b"last words\n"
    assert await child.receive(100) == b""
    await child.close()


async def test_a_process_left_behind_does_not_hide_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds both the socket and the stderr pipe open, as a ControlPersist master may."""
    monkeypatch.setattr(process, "LAST_GRACE_S", 0.05)
    child = start_process(["sh", "-c", "sleep 60 & echo $!"], ignore)
    left = int(await child.receive(100))
    try:
        assert await child.receive(100) == b""
        assert await child.wait() == 0
        await child.close()
    finally:
        os.kill(left, signal.SIGKILL)


async def test_a_reset_socket_reads_as_an_end() -> None:
    child = start_process(["sleep", "60"], ignore)
    child.sock.shutdown(socket.SHUT_RD)
    assert await child.receive(100) == b""
    await child.close()
    assert child.status == -signal.SIGTERM


async def test_closing_gives_grace_then_terminates_then_kills(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "TERMINATE_GRACE_S", 0.1)
    polite = start_process(["cat"], ignore)
    await polite.close(grace_s=5)
    assert polite.status == 0  # its input ended
    deaf = start_process(["sh", "-c", 'trap "" TERM; echo up; while :; do sleep 1; done'], ignore)
    assert await deaf.receive(3) == b"up\n"
    await deaf.close(grace_s=0.01)
    assert deaf.status == -signal.SIGKILL


async def test_a_cancelled_close_leaves_no_child() -> None:
    child = start_process(["sh", "-c", 'trap "" TERM; echo up; while :; do sleep 1; done'], ignore)
    assert await child.receive(3) == b"up\n"
    closing = asyncio.ensure_future(child.close(grace_s=60))
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert not is_alive(child.pid)


async def test_without_pidfd_the_end_is_seen_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int) -> int:
        raise OSError

    monkeypatch.setattr(os, "pidfd_open", refuse)
    child = start_process(["sh", "-c", "exit 3"], ignore)
    assert await child.wait() == 3
    await child.close()


async def test_nothing_of_ours_is_inherited_and_interrupts_are_ignored() -> None:
    leak = os.dup(2)
    os.set_inheritable(leak, True)
    script = "import os,signal;print(sorted(os.listdir('/proc/self/fd')),signal.getsignal(2))"
    child = start_process([sys.executable, "-I", "-S", "-c", script], ignore)
    os.close(leak)
    said = await child.receive(1000)
    assert said == b"['0', '1', '2', '3'] 1\n"  # 3 is the listing's own
    await child.close()


async def test_a_child_may_stand_where_the_terminals_signals_do_not_reach() -> None:
    child = start_process(["cat"], ignore, own_group=True)
    assert os.getpgid(child.pid) == child.pid
    await child.close()


async def test_a_long_line_of_stderr_is_cut() -> None:
    lines: list[str] = []
    child = start_process(["sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x >&2"], lines.append)
    await child.wait()
    await child.close()
    assert [len(line) for line in lines] == [4096]


async def test_a_flood_of_lines_is_thinned_out_and_its_ends_are_kept() -> None:
    lines: list[str] = []
    text = "echo first; seq 100000; yes '' | head -c 1000000; echo last"
    child = start_process(["sh", "-c", f"{{ {text}; }} >&2"], lines.append)
    assert await child.wait() == 0
    await child.close()
    assert lines[0] == "first"
    assert "last" in lines
    assert "" not in lines
    assert any("were left out" in line for line in lines)
    assert len(lines) < 30_000


async def test_what_the_pipe_holds_is_read_however_slow_the_machine_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "LAST_GRACE_S", 0)
    lines: list[str] = []
    child = start_process(["sh", "-c", "{ seq 9000; echo last; } >&2"], lines.append)
    await child.wait()
    await child.close()
    assert lines[-1] == "last"


async def test_a_missing_program_is_told() -> None:
    with pytest.raises(ProgramMissingError, match="no-such-program"):
        start_process(["no-such-program"], ignore)


async def test_a_start_that_fails_leaves_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(os.listdir("/proc/self/fd"))

    def fail(*_args: object, **_keys: object) -> None:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", fail)
    with pytest.raises(BlockingIOError):
        start_process(["cat"], ignore)
    assert len(os.listdir("/proc/self/fd")) == before


def put_ssh(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = folder / "ssh"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(spawn, "_ssh_versions", {})


async def test_the_version_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_ssh(tmp_path, f"echo asked >> {tmp_path}/log; echo OpenSSH_8.4p1 >&2", monkeypatch)
    assert await read_ssh_version() == (8, 4)
    assert await read_ssh_version() == (8, 4)
    assert (tmp_path / "log").read_text() == "asked\n"


async def test_an_ssh_that_hangs_or_is_missing_has_no_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spawn, "VERSION_LIMIT_S", 0.05)
    put_ssh(tmp_path, "exec sleep 60", monkeypatch)
    assert await read_ssh_version() is None
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert await read_ssh_version() is None


PROMPT_PROGRAM = """
import asyncio, sys
from port_linker.ssh.process import start_process

async def main():
    child = start_process(sys.argv[1:], lambda line: print(line, flush=True))
    try:
        await child.wait()
    finally:
        await child.close()

try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_at_a_prompt_of_the_child_ends_everything_with_130(tmp_path: Path) -> None:
    """The child asks on /dev/tty without echo as ssh does, and survives SIGINT by itself."""
    asks = tmp_path / "asks"
    asks.write_text(
        f"#!{sys.executable}\nimport getpass, os, sys\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "getpass.getpass('secret: ')\n"
    )
    asks.chmod(0o755)
    program = [sys.executable, "-c", PROMPT_PROGRAM, str(asks)]
    status, shown = run_in_terminal(program, b"secret: ", b"\x03")
    assert status == 130, shown
    assert not is_alive(int((tmp_path / "pid").read_text()))
