"""The child that reaches the target: one socket for its stdin and stdout, its stderr, its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from typing import IO, cast

from port_linker.ssh.command import SshVersion, parse_ssh_version
from port_linker.ssh.lines import LineSplitter
from port_linker.tasks import start_task, stop_task

SOCKET_BUFFER_BYTES = 4 << 20  # the kernel caps it at net.core.[rw]mem_max, 208 KiB by default
STDERR_CHUNK_BYTES = 16 << 10
TERMINATE_GRACE_S = 1.0
VERSION_LIMIT_S = 5.0
LAST_GRACE_S = 0.2  # for the last words of a child that ended; a process it left may hold its pipes
POLL_S = 0.05  # where the kernel has no pidfd (before Linux 5.3, or not Linux)

# The child must outlive Ctrl-C: the terminal sends SIGINT to the whole foreground group, and ssh
# shall stay until we have said goodbye to the agent. An ignored signal stays ignored through exec.
# A shell does it because a function between fork and exec is not safe once threads run; the
# words of the command are its arguments, it reads none of them.
_IGNORE_INTERRUPT = ("/bin/sh", "-c", 'trap "" INT; exec "$@"', "port-linker")


class ProgramMissingError(OSError):
    """The program is not on this machine; str() is its name."""


class ChildProcess:
    """A running command. Close it, or it is left behind.

    sock: our end of its stdin and stdout, non-blocking. pid: of the command itself.
    """

    def __init__(
        self, popen: subprocess.Popen[bytes], sock: socket.socket, on_line: Callable[[str], None]
    ) -> None:
        self.sock = sock
        self.pid = popen.pid
        self._popen = popen
        self._stderr = _StderrReader(cast("IO[bytes]", popen.stderr), on_line)
        self._watch = start_task(self._wait_end(), f"child {popen.pid}")

    @property
    def status(self) -> int | None:
        """The exit status once the child ended, negative for a signal; None while it runs."""
        return self._popen.returncode

    async def receive(self, size: int) -> bytes:
        """Return what the child wrote, at most size bytes; b"" at its end or that of its output.

        A process that it left behind may hold the socket open, so its own end counts too.
        """
        reading = start_task(self._read(size), "read child")
        try:
            await asyncio.wait({reading, self._watch}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({reading}, timeout=None if self.status is None else LAST_GRACE_S)
            return reading.result() if reading.done() else b""
        finally:
            await stop_task(reading)

    async def _read(self, size: int) -> bytes:
        try:
            return await asyncio.get_running_loop().sock_recv(self.sock, size)
        except OSError:
            return b""

    async def wait(self) -> int:
        """Return the exit status at the child's end; its stderr was read by then.

        Cancelling the wait leaves the child alone.
        """
        await asyncio.shield(self._watch)
        await self._stderr.wait_end(LAST_GRACE_S)
        return int(self._popen.returncode)

    def send_signal(self, number: int) -> None:
        """Send a signal if the child still runs."""
        self._popen.send_signal(number)

    async def close(self, grace_s: float = 0.0) -> None:
        """End the child: its input ends; after grace_s SIGTERM, a second later SIGKILL.

        A cancellation during the wait kills at once and then goes on.
        """
        self.sock.close()
        try:
            if grace_s <= 0 or not await self._ended_within(grace_s):
                self.send_signal(signal.SIGTERM)
                if not await self._ended_within(TERMINATE_GRACE_S):
                    self.send_signal(signal.SIGKILL)
                    await self._ended_within(TERMINATE_GRACE_S)
        except asyncio.CancelledError:
            self.send_signal(signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(TERMINATE_GRACE_S)
            raise
        finally:
            self._stderr.close()

    async def _ended_within(self, limit_s: float) -> bool:
        done, _ = await asyncio.wait([self._watch], timeout=limit_s)
        return bool(done)

    async def _wait_end(self) -> None:
        try:
            pidfd = os.pidfd_open(self._popen.pid)
        except (OSError, AttributeError):
            await self._poll_end()
            return
        try:
            await _wait_readable(pidfd)
        finally:
            os.close(pidfd)
        self._popen.wait()

    async def _poll_end(self) -> None:
        while self._popen.poll() is None:  # noqa: ASYNC110 - nothing tells us
            await asyncio.sleep(POLL_S)


class _StderrReader:
    """Reads a child's stderr whenever there is some, line by line."""

    def __init__(self, file: IO[bytes], on_line: Callable[[str], None]) -> None:
        self._file = file
        self._on_line = on_line
        self._lines = LineSplitter()
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        os.set_blocking(self._file.fileno(), False)
        self._loop.add_reader(self._file.fileno(), self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._file.fileno(), STDERR_CHUNK_BYTES)
        except BlockingIOError:
            return
        for line in self._lines.feed(data):
            self._on_line(line)
        if not data:
            self.close()

    async def wait_end(self, limit_s: float) -> None:
        """Wait until all was read, at most limit_s."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._ended.wait()

    def close(self) -> None:
        """Stop to read; what stands in an unfinished line is handed on."""
        if self._file.closed:
            return
        self._loop.remove_reader(self._file.fileno())
        self._file.close()
        for line in self._lines.flush():
            self._on_line(line)
        self._ended.set()


async def _wait_readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(fd)


def start_process(
    words: Sequence[str], on_line: Callable[[str], None], own_group: bool = False
) -> ChildProcess:
    """Start a command whose stdin and stdout are one socket; call on_line for its stderr.

    It keeps our terminal (ssh asks for passwords there) and ignores Ctrl-C. own_group: it is in the
    terminal's background instead, where it is not sent Ctrl-C but cannot ask either.
    Raises ProgramMissingError if this machine does not have the program.
    """
    program = shutil.which(words[0])
    if program is None:
        raise ProgramMissingError(words[0])
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
    return ChildProcess(popen, ours, on_line)


_ssh_versions: dict[str, SshVersion | None] = {}


async def read_ssh_version() -> SshVersion | None:
    """Return what ssh -V says, asked once per program; None if it does not say."""
    program = shutil.which("ssh")
    if program is None:
        return None
    if program not in _ssh_versions:
        _ssh_versions[program] = await asyncio.to_thread(_ask_version, program)
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
