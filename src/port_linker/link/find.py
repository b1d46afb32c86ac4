"""Finds the sidecar's executable: package data of the wheel port-linker-tunnel, never PATH. I/O.

A name on PATH is chosen by whoever sets PATH, and may be of another version; the wheel's file came
with the program. That there is none is normal: everything goes over stdio.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import os
import platform
import zlib
from dataclasses import dataclass

from port_linker.errors import EXIT_UNREACHABLE, PortLinkerError
from port_linker.protocol.quic import MAX_EXECUTABLE_BYTES, Executable

PACKAGE = "port_linker_tunnel"
NAME = "port-linker-tunnel"
PACK_LEVEL = 6  # 9 takes three times as long for 1 % less (2026-11-21)


class TunnelMissing(PortLinkerError):
    """There is no executable here, or none that fits this machine."""

    code = "PL-LINK-NO-TUNNEL"
    exit_code = EXIT_UNREACHABLE


@dataclass(frozen=True)
class Tunnel:
    """The executable. packed: its zlib form, for the target."""

    path: str
    facts: Executable
    packed: bytes


def find_executable() -> str:
    """Return its path. Raises TunnelMissing, which names each place that was looked at."""
    looked = []
    try:
        place = importlib.resources.files(PACKAGE) / "bin" / NAME
        path = os.fspath(place)  # type: ignore[call-overload]
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return str(path)
        looked.append(f"{path} (not there, or not executable)")
    except ModuleNotFoundError:
        looked.append(f"the package {PACKAGE} (not installed)")
    except TypeError:
        looked.append(f"the package {PACKAGE} (in an archive; unpack it)")
    raise TunnelMissing(
        "the QUIC sidecar is not installed; looked at: " + ", ".join(looked),
        hint="pip install 'port-linker[quic]', or go on over ssh alone",
    )


@functools.cache
def read_tunnel(path: str) -> Tunnel:
    """Read and pack the executable, once; takes some 200 ms, so call it in a thread.

    Raises TunnelMissing if it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_EXECUTABLE_BYTES + 1)
    except OSError as error:
        raise TunnelMissing(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > MAX_EXECUTABLE_BYTES:
        raise TunnelMissing(f"{path} is larger than a sidecar can be")
    packed = zlib.compress(data, PACK_LEVEL)
    digest = hashlib.sha256(data).hexdigest()
    facts = Executable(digest, len(data), len(packed), platform.machine())
    return Tunnel(path, facts, packed)
