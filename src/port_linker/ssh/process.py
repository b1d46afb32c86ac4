"""The child that reaches the target: one socket for its stdin and stdout, its stderr, its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from typing import IO, cast

from port_linker.ssh.command import SshVersion
from port_linker.ssh.lines import LineSplitter
from port_linker.ssh.spawn import ProgramMissingError, Spawned, ask_ssh_version, spawn, take
from port_linker.tasks import start_task, stop_task

__all__ = ["ChildProcess", "ProgramMissingError", "read_ssh_version", "start_process"]

STDERR_CHUNK_BYTES = 4 << 10
PIPE_BYTES = 64 << 10  # pipe(7)
LINES_AT_ONCE = 50  # of one chunk, from each end; thousands of short ones would hold the loop up
TERMINATE_GRACE_S = 1.0
LAST_GRACE_S = 0.2  # for the last words of a child that ended; a process it left may hold its pipes
POLL_S = 0.05  # where the kernel has no pidfd (before Linux 5.3, or not Linux)


class ChildProcess:
    """A running command. Close it, or it is left behind.

    sock: our end of its stdin and stdout, non-blocking. pid: of the command itself. began_s: its
    start, in monotonic seconds.
    """

    def __init__(self, spawned: Spawned, on_line: Callable[[str], None]) -> None:
        popen, self.sock, self.began_s = spawned.popen, spawned.sock, spawned.began_s
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
        lines = [line for line in self._lines.feed(data) if line]
        if len(lines) > 2 * LINES_AT_ONCE:
            left_out = f"({len(lines) - 2 * LINES_AT_ONCE} lines at once were left out)"
            lines = [*lines[:LINES_AT_ONCE], left_out, *lines[-LINES_AT_ONCE:]]
        for line in lines:
            self._on_line(line)
        if not data:
            self.close()

    async def wait_end(self, limit_s: float) -> None:
        """Wait until all was read, at most limit_s; what a full pipe holds by then is read too."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._ended.wait()
        for _ in range(PIPE_BYTES // STDERR_CHUNK_BYTES):  # a slow machine has not come so far
            if not self._file.closed:
                self._read()

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
    """Start a command, or go on with the one that was begun; call on_line for its stderr.

    own_group: see spawn.spawn. Raises ProgramMissingError if this machine lacks the program.
    """
    spawned = take(tuple(words)) or spawn(words, own_group)
    return ChildProcess(spawned, on_line)


async def read_ssh_version() -> SshVersion | None:
    """Return what ssh -V says, asked once per program; None if it does not say."""
    return await asyncio.to_thread(ask_ssh_version)
