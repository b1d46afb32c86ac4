"""Asks Docker and Podman for their containers, over their Unix sockets. Runs on Python 3.9.

Blocking, at most a second per engine: for a thread, never for the agent's loop.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import struct
from collections.abc import Callable, Mapping

from port_linker import clock
from port_linker.scan.published import (
    Containers,
    merge_containers,
    parse_containers,
    parse_response,
)
from port_linker.scan.rows import ScanFormatError

logger = logging.getLogger(__name__)

_TIMEOUT_S = 1.0
_MAX_RESPONSE_BYTES = 8 << 20
_REFRESH_S = 5.0
_UCRED = struct.Struct("3i")  # pid, uid, gid
# HTTP/1.0, so that the body is neither chunked nor followed by anything
_REQUEST = b"GET /containers/json HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n\r\n"


def list_engine_sockets(environ: Mapping[str, str], uid: int) -> list[str]:
    """Return the paths where engines of this user or of root may listen; the user's choice first.

    A DOCKER_HOST that is not a Unix socket is another machine's engine and says nothing here.
    """
    runtime = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}"
    chosen = environ.get("DOCKER_HOST", "")
    paths = [
        chosen[len("unix://") :] if chosen.startswith("unix:///") else "",
        f"{runtime}/docker.sock",
        f"{runtime}/podman/podman.sock",
        "/var/run/docker.sock",
        "/run/podman/podman.sock",
    ]
    return list(dict.fromkeys(path for path in paths if path))


def read_engine(path: str, timeout_s: float = _TIMEOUT_S) -> Containers:
    """Return what one engine says.

    Raises OSError (TimeoutError too) if it is not there, not for us, or neither ours nor root's;
    ScanFormatError if its answer is none.
    """
    deadline = clock.monotonic_s() + timeout_s
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout_s)
        sock.connect(path)
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        _pid, uid, _gid = _UCRED.unpack(credentials)
        if uid not in (0, os.getuid()):
            raise PermissionError(errno.EPERM, f"{path} is uid {uid}'s")
        sock.sendall(_REQUEST)
        response = bytearray()
        while True:
            left = deadline - clock.monotonic_s()
            if left <= 0:
                raise TimeoutError(f"{path} did not answer within {timeout_s} s")
            sock.settimeout(left)
            part = sock.recv(65536)
            if not part:
                return parse_containers(parse_response(bytes(response)), uid)
            response += part
            if len(response) > _MAX_RESPONSE_BYTES:
                raise ScanFormatError(f"the answer of {path} is too long")


def _try_engine(path: str) -> Containers | None:
    try:
        return read_engine(path)
    except (OSError, ScanFormatError) as error:
        logger.debug("no containers from %s: %s", path, error)
        return None


class ContainerReader:
    """Asks the engines at most every 5 s, and only when somebody wants to know.

    The agent calls is_due() in its loop and read() in a thread, one at a time.
    """

    def __init__(self, paths: list[str], now_s: Callable[[], float] = clock.monotonic_s) -> None:
        self._paths = paths
        self._now_s = now_s
        self._next_s = 0.0

    def is_due(self, wanted: bool) -> bool:
        """Whether to call read() now. wanted: Scanner.wants_containers()."""
        return wanted and self._now_s() >= self._next_s

    def read(self) -> Containers:
        """Return what all engines that answer say together."""
        self._next_s = self._now_s() + _REFRESH_S
        answers = [answer for answer in map(_try_engine, self._paths) if answer is not None]
        return merge_containers(answers)


def open_container_reader() -> ContainerReader:
    """Return the reader for this process's user and environment."""
    return ContainerReader(list_engine_sockets(os.environ, os.getuid()))
