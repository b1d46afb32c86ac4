"""Starts the child that reaches the target, before asyncio if need be. I/O.

A login takes longer than the imports of this program, so ssh is started first and both go on side
by side: `begin` starts it, `take` hands it to the session if the words are still the same,
`abandon` ends it if nobody took it. Measured 2026-11-21: a fifth less from start to first service.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from port_linker.errors import PortLinkerError
from port_linker.ssh.command import SshVersion, needs_own_group, parse_ssh_version, plan_command
from port_linker.ssh.target import TargetKind, parse_target

SOCKET_BUFFER_BYTES = 4 << 20  # the kernel caps it at net.core.[rw]mem_max, 208 KiB by default
VERSION_LIMIT_S = 5.0
TERMINATE_GRACE_S = 1.0

# The child must outlive Ctrl-C: the terminal sends SIGINT to the whole foreground group, and ssh
# shall stay until we have said goodbye to the agent. An ignored signal stays ignored through exec.
# A shell does it because a function between fork and exec is not safe once threads run; the
# words of the command are its arguments, it reads none of them.
_IGNORE_INTERRUPT = ("/bin/sh", "-c", 'trap "" INT; exec "$@"', "port-linker")


class ProgramMissingError(OSError):
    """The program is not on this machine; str() is its name."""


@dataclass(frozen=True)
class Spawned:
    """A started command. sock: our end of its stdin and stdout. began_s: monotonic seconds."""

    popen: subprocess.Popen[bytes]
    sock: socket.socket
    began_s: float


def spawn(words: Sequence[str], own_group: bool = False) -> Spawned:
    """Start a command whose stdin and stdout are one socket, and its stderr a pipe.

    It keeps our terminal (ssh asks for passwords there) and ignores Ctrl-C. own_group: it is in the
    terminal's background instead, where it is not sent Ctrl-C but cannot ask either.
    Raises ProgramMissingError if this machine does not have the program, OSError if it cannot be
    started.
    """
    program = shutil.which(words[0])
    if program is None:
        raise ProgramMissingError(words[0])
    began_s = time.monotonic()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
        ours.setblocking(False)
        popen = subprocess.Popen(
            [*_IGNORE_INTERRUPT, program, *words[1:]],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.PIPE,
            bufsize=0,
            process_group=0 if own_group else None,
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return Spawned(popen, ours, began_s)


_ssh_versions: dict[str, SshVersion | None] = {}


def ask_ssh_version() -> SshVersion | None:
    """Return what ssh -V says, asked once per program (4 ms); None if it does not say."""
    program = shutil.which("ssh")
    if program is None:
        return None
    if program not in _ssh_versions:
        _ssh_versions[program] = _ask_version(program)
    return _ssh_versions[program]


def _ask_version(program: str) -> SshVersion | None:
    try:
        asked = subprocess.run(
            [program, "-V"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=VERSION_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_ssh_version(asked.stdout[:1024].decode("utf-8", "replace"))


_begun: dict[tuple[str, ...], Spawned] = {}  # at most one


def begin(text: str, ssh_options: tuple[str, ...] = (), flags: tuple[str, ...] = ()) -> None:
    """Start the login to an ssh target, at most once in a process; other targets start later.

    Whatever is wrong is left to who opens the channel: it makes the same words and has the words
    for the error.
    """
    try:
        target = parse_target(text, flags)
        if target.kind is not TargetKind.SSH or _begun:
            return
        words = plan_command(target, ask_ssh_version(), ssh_options)
        _begun[words] = spawn(words, needs_own_group(words))
    except (OSError, PortLinkerError):
        return


def take(words: tuple[str, ...]) -> Spawned | None:
    """Return the child that was begun with these words, once; another one is ended."""
    spawned = _begun.pop(words, None)
    abandon()
    return spawned


def abandon() -> None:
    """End a child that nobody took. It has not logged in, or waits for its first byte."""
    while _begun:
        _, spawned = _begun.popitem()
        spawned.sock.close()
        spawned.popen.terminate()
        try:
            spawned.popen.wait(TERMINATE_GRACE_S)
        except subprocess.TimeoutExpired:
            spawned.popen.kill()
            spawned.popen.wait()
        if spawned.popen.stderr is not None:
            spawned.popen.stderr.close()
