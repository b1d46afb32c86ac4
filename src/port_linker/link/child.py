"""The process of a sidecar: its start, its last words, its end. I/O; runs on Python 3.9."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from collections import deque
from collections.abc import Sequence

END_S = 1.0  # for the process to go once its control socket is closed
KEPT_STDERR_BYTES = 8 * 1024  # of its last words; stderr is for panics


class SidecarProcess:
    """A child whose stderr is kept. Raises OSError if it cannot be started."""

    def __init__(
        self, command: Sequence[str], control: socket.socket, descriptors: Sequence[int] = ()
    ) -> None:
        """control: becomes its control socket. descriptors: others that it inherits."""
        number = control.fileno()
        # In a session of its own: Ctrl-C on our terminal must not end it before us.
        self._process = subprocess.Popen(
            [*command, "--control-fd", str(number)],
            pass_fds=(number, *descriptors),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
            start_new_session=True,
        )
        self._said: deque[bytes] = deque()
        self._loop = asyncio.get_running_loop()
        stderr = self._process.stderr
        self._stderr_fd = -1 if stderr is None else stderr.fileno()
        os.set_blocking(self._stderr_fd, False)
        self._loop.add_reader(self._stderr_fd, self._on_stderr)

    @property
    def pid(self) -> int:
        """Of the process; it is no other's before `end` has returned."""
        return self._process.pid

    def last_words(self) -> str:
        """Return what it said on stderr at last."""
        self._on_stderr()
        return b"".join(self._said).decode("utf-8", "replace").strip()[-2000:]

    async def end(self) -> None:
        """Wait until it has ended, which it is made to after END_S."""
        try:
            await asyncio.shield(self._loop.run_in_executor(None, self._wait))
        finally:
            self._loop.remove_reader(self._stderr_fd)
            if self._process.stderr is not None:
                self._process.stderr.close()

    def _wait(self) -> None:
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):
                self._process.kill()
            self._process.wait()

    def _on_stderr(self) -> None:
        try:
            data = os.read(self._stderr_fd, 4096)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._stderr_fd)
            return
        self._said.append(data)
        while sum(map(len, self._said)) > KEPT_STDERR_BYTES:
            self._said.popleft()
