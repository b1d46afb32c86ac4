"""What an agent is started from: our directory, the bundle in it, its byte code. On the target.

Sent as source text in front of attacher.py (see bundle.py). Python 3.9.
"""

from __future__ import annotations

import contextlib
import os
import sys

from port_linker.deploy import bytecode, cache
from port_linker.deploy.handle import AttachError

TYPE_CHECKING = False  # importing typing would cost 3 ms of each start
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    ReadBundle = Callable[[int], bytes]


class Supply:
    """The files of one attacher.

    directories: those of the header that are ours. bundle: path of the zip. program: what Python
    runs, the bundle or its byte code. directory: where the bundle lies, None if in memory.
    """

    def __init__(self, header: dict[str, Any]) -> None:
        self.agent_id = header["agent"]
        self.names = cache.spare_names(self.agent_id, str(header["token"]))
        self.digest = header["digest"]
        self.size = int(header["size"])
        opened = [cache.open_dir(path) for path in header["dirs"]]
        self.directories = [path for path in opened if path is not None]
        self.bundle = ""
        self.program = ""
        self.directory: str | None = None
        self._claim = os.urandom(16).hex().encode()
        self._held: list[int | None] = []  # descriptors of files in use, for this process's life

    def open(self, read_bundle: ReadBundle) -> None:
        """Find the bundle in our directories, or read it from the host and store it.

        Raises AttachError if it arrives damaged or nothing can hold it.
        """
        path = cache.find_bundle(self.directories, self.digest)
        if path is None:
            data = self._receive(read_bundle)
            path = cache.store_bundle(self.directories, self.digest, data)
            if path is None:
                path = self._keep_in_memory(data)
        self.bundle = self.program = path
        if not path.startswith("/proc/"):
            self.directory = os.path.dirname(path)
            self.program = bytecode.find_code(path) or path
            self._held += [cache.hold(self.bundle), cache.hold(self.program)]

    def _receive(self, read_bundle: ReadBundle) -> bytes:
        if not 0 < self.size <= cache.MAX_BUNDLE_BYTES:
            raise AttachError("header", f"size {self.size}")
        data = read_bundle(self.size)
        if not cache.is_whole(data, self.digest):
            raise AttachError("bundle-damaged")
        return data

    def _keep_in_memory(self, data: bytes) -> str:
        try:
            return cache.make_memory_bundle(data)
        except (OSError, AttributeError) as error:
            raise AttachError("no-directory", str(error)) from error

    @property
    def address(self) -> str:
        """Where a new agent shall listen."""
        return cache.socket_path(self.directory, self.agent_id)

    def addresses(self) -> list[str]:
        """Return every place where a running agent may listen."""
        places = [cache.socket_path(path, self.agent_id) for path in [*self.directories, None]]
        return places + self.names

    def addresses_to_take(self) -> list[str]:
        """Return where a new agent listens: at the first of these that it can have."""
        first = cache.socket_path(None, self.agent_id)
        return list(dict.fromkeys((self.address, first, *self.names)))

    def command(self, control_fd: int) -> list[str]:
        """Return the words that start an agent."""
        python = [sys.executable, "-I", "-S", self.program]
        return [*python, "agent", "--control-fd", str(control_fd)]

    def drop_code(self) -> bool:
        """Throw the byte code away; False if the bundle itself was run."""
        if self.program == self.bundle:
            return False
        with contextlib.suppress(OSError):
            os.unlink(self.program)
        self.program = self.bundle
        return True

    # Two attachers of one agent: the newer one may replace an agent that hangs, and then the older
    # one, whose channel is dead but not yet gone, must not start another.

    def claim(self) -> None:
        """Write down that this attacher looks after the agent from now on."""
        if self.directory is not None:
            cache.write_file(self._claim_path, self._claim)
            self._held.append(cache.hold(self._claim_path))

    def is_claimed_by_another(self) -> bool:
        """Whether a newer attacher looks after the agent."""
        try:
            with open(self._claim_path, "rb") as file:
                return file.read(64) != self._claim
        except OSError:
            return False

    @property
    def _claim_path(self) -> str:
        return os.path.join(self.directory or "", f"agent-{self.agent_id}.attacher")

    def release(self) -> None:
        """Remove what only this agent needed, when it ended for good."""
        if self.directory is not None and not self.is_claimed_by_another():
            with contextlib.suppress(OSError):
                os.unlink(self._claim_path)

    def look_after(self) -> None:
        """Mark what is in use, and compile the bundle for the next start; when all is quiet."""
        if self.directory is not None:
            for path in (self.bundle, self.program, self.address, self._claim_path):
                cache.touch(path)
            bytecode.store_code(self.bundle)
