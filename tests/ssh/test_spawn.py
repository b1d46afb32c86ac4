"""The login that begins before the program is imported: taken once, or ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from port_linker.ssh import spawn
from port_linker.ssh.command import plan_command
from port_linker.ssh.process import start_process
from port_linker.ssh.target import parse_target


@pytest.fixture(autouse=True)
def fake_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An ssh that says its version, or writes its pid down and echoes its input."""
    script = tmp_path / "ssh"
    log = tmp_path / "log"
    script.write_text(
        '#!/bin/sh\n[ "$1" != -V ] || { echo OpenSSH_9.2p1 >&2; exit; }\n'
        f"echo $$ >> {log}; exec cat\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(spawn, "_ssh_versions", {})
    yield log
    spawn.abandon()


def started(log: Path) -> list[int]:
    return [int(pid) for pid in log.read_text().split()]


def words(host: str) -> tuple[str, ...]:
    return plan_command(parse_target(host), (9, 2))


async def test_the_session_goes_on_with_the_login_that_was_begun(fake_ssh: Path) -> None:
    spawn.begin("dev1")
    spawn.begin("dev1")
    child = start_process(words("dev1"), lambda _line: None)
    child.sock.send(b"hello")
    assert await child.receive(100) == b"hello"
    assert started(fake_ssh) == [child.pid]
    await child.close()
    assert spawn.take(words("dev1")) is None  # once only


def test_other_words_end_it() -> None:
    spawn.begin("dev1")
    begun = spawn._begun[words("dev1")]
    assert spawn.take(words("dev2")) is None
    assert begun.popen.returncode is not None
    assert begun.sock.fileno() == -1


@pytest.mark.parametrize("host", ["docker:web", "exec:sh", "-oProxyCommand=x", "", "a b"])
def test_what_is_no_ssh_target_begins_nothing(host: str, fake_ssh: Path) -> None:
    spawn.begin(host)
    assert not spawn._begun
    assert not fake_ssh.exists()


def test_without_ssh_nothing_begins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    spawn.begin("dev1")
    assert not spawn._begun


WATCH = """
import sys
from port_linker.ssh import spawn
def begin(host, options=(), flags=()):
    print(host, options, flags, [name for name in ("asyncio", "cyclopts") if name in sys.modules])
    raise SystemExit(0)
spawn.begin = begin
from port_linker.cli.main import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("dev1 --json", "dev1 () () []\n"),
        ("doctor dev1", "dev1 () () []\n"),
        ("dev1 --only 80 -o Port=2 -p 3", "dev1 ('Port=2',) ('-p3',) []\n"),
        # What is not plain goes through the parser.
        ("dev1 -v", "dev1 () () ['cyclopts']\n"),
    ],
)
def test_ssh_is_started_before_what_it_does_not_need(line: str, seen: str) -> None:
    command = [sys.executable, "-c", WATCH, *line.split()]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=clean())
    assert ran.stdout == seen


@pytest.mark.parametrize("line", ["dev1 --nonsense", "dev1 --only 0", "doctr dev1", "--json"])
def test_a_usage_error_starts_no_ssh(line: str, fake_ssh: Path) -> None:
    command = [sys.executable, "-m", "port_linker.cli.main", *line.split()]
    ran = subprocess.run(command, capture_output=True, check=False, env=clean())
    assert ran.returncode == 2
    assert not fake_ssh.exists()


def clean() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME")}
