"""The sidecar's executable on the target: received, checked, kept, run. I/O; runs on Python 3.9.

It lies in the agent's own directory (0700) as tunnel-SHA256 and is checked at each start. Where no
directory may hold a program that runs (noexec), it is run from memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import stat
import subprocess
import zlib
from typing import Optional

from port_linker.deploy import cache
from port_linker.protocol.quic import MAX_EXECUTABLE_BYTES, Executable

TEST_S = 5.0  # for `--version`; it takes milliseconds


class ExecutableError(Exception):
    """The executable cannot be used here; args[0] says why."""


class Command:
    """The words that start it, and the descriptor that they name (None: none)."""

    def __init__(self, path: str, descriptor: Optional[int] = None) -> None:
        self.words = [path]
        self.descriptors = [] if descriptor is None else [descriptor]

    def close(self) -> None:
        """Let go of the descriptor; what runs goes on."""
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []


def check_machine(wanted: Executable) -> None:
    """Raise ExecutableError if the program is for another kind of machine."""
    here = platform.machine()
    if os.name != "posix" or here != wanted.machine:
        raise ExecutableError(f"the sidecar is for {wanted.machine}, the target is {here}")


def find_stored(directory: Optional[str], wanted: Executable) -> Optional[Command]:
    """Return the command of a stored executable that is whole and runs; blocks for some 20 ms."""
    if directory is None:
        return None
    path = stored_path(directory, wanted)
    data = _read(path)
    if data is None:
        return None
    if hashlib.sha256(data).hexdigest() != wanted.digest:
        with contextlib.suppress(OSError):
            os.unlink(path)
        return None
    if not _runs(Command(path)):
        return _keep_in_memory(data)
    cache.touch(path)
    return Command(path)


def store(directory: Optional[str], wanted: Executable, data: bytes) -> Command:
    """Keep a whole executable and return its command; blocks for some 20 ms.

    Raises ExecutableError if nothing here may run it.
    """
    if directory is not None and cache.write_file(stored_path(directory, wanted), data, 0o700):
        command = Command(stored_path(directory, wanted))
        if _runs(command):
            return command
    command_ = _keep_in_memory(data)
    if command_ is None:
        raise ExecutableError("no directory of the target may hold a program that runs")
    return command_


def stored_path(directory: str, wanted: Executable) -> str:
    """Return where it is kept."""
    return os.path.join(directory, f"tunnel-{wanted.digest}")


class Unpacker:
    """Puts the pieces of a packed executable together. Bounded by the size that was announced."""

    def __init__(self, wanted: Executable) -> None:
        self.wanted = wanted
        self.at = 0  # of the packed form
        self._inflate = zlib.decompressobj()
        self._data = bytearray()

    def feed(self, at: int, data: bytes) -> bool:
        """Take the piece that begins at byte `at`; return whether it was the next one.

        Raises ExecutableError if the pieces are not what was announced.
        """
        if at != self.at:
            return False
        self.at += len(data)
        room = self.wanted.size - len(self._data)
        try:
            self._data += self._inflate.decompress(data, room + 1)
        except zlib.error as error:
            raise ExecutableError("the executable arrived damaged") from error
        if len(self._data) > self.wanted.size or self.at > self.wanted.packed_size:
            raise ExecutableError("the executable is larger than announced")
        return True

    @property
    def is_complete(self) -> bool:
        """Whether all pieces are there."""
        return self.at >= self.wanted.packed_size

    def take(self) -> bytes:
        """Return the executable. Raises ExecutableError if its digest is another one."""
        data = bytes(self._data)
        if hashlib.sha256(data).hexdigest() != self.wanted.digest:
            raise ExecutableError("the executable arrived damaged")
        return data


def _read(path: str) -> Optional[bytes]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            is_ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
            return file.read(MAX_EXECUTABLE_BYTES) if is_ours else None
    except OSError:
        return None


def _keep_in_memory(data: bytes) -> Optional[Command]:
    """Return a command that runs from memory, None where the kernel does not allow that."""
    try:
        descriptor = os.memfd_create("port-linker-tunnel", os.MFD_CLOEXEC)
    except (AttributeError, OSError):
        return None
    # The path is opened in the child, which inherits the descriptor under the same number.
    command = Command(f"/proc/self/fd/{descriptor}", descriptor)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
    except OSError:
        command.close()
        return None
    if not _runs(command):
        command.close()
        return None
    return command


def _runs(command: Command) -> bool:
    try:
        done = subprocess.run(
            [*command.words, "--version"],
            pass_fds=command.descriptors,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            timeout=TEST_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
