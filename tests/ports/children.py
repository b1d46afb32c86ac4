"""Children that hold ports, and children without privilege. Every wait has an end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import port_linker

NOBODY = 65534
SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(port_linker.__file__)))

HOLD = """
import signal, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET
kind = socket.SOCK_STREAM if sys.argv[1] == "tcp" else socket.SOCK_DGRAM
sock = socket.socket(family, kind)
sock.bind((sys.argv[2], 0))
if sys.argv[1] == "tcp":
    sock.listen()
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(sock.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def holding(
    proto: str = "tcp", address: str = "127.0.0.1", *words: str, uid: int | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a process that holds a port until it is told to end; yield it and the port."""
    child = subprocess.Popen(
        [python_for(uid), "-I", "-S", "-c", HOLD, proto, address, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        user=uid,
        group=uid,
        extra_groups=None if uid is None else [],
        cwd="/",
    )
    try:
        assert child.stdout is not None
        yield child, int(child.stdout.readline())
    finally:
        child.kill()
        child.communicate(timeout=10)


def run_as_nobody(code: str, *words: str) -> Any:
    """Run Python code as an unprivileged user; return the JSON value that it prints."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    paths = [SOURCE, *(path for path in sys.path if path.endswith("site-packages"))]
    head = f"import sys; sys.path[:0] = {paths!r}\n"
    # Modules are read by the parent's rights where the checkout is closed to others: what can be
    # imported is imported first, then the child gives its rights away.
    drop = f"import os; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
    imports = "import port_linker.ports.os.kill, port_linker.ports.os.sockets, psutil, pwd\n"
    imports += "import asyncio, encodings.ascii, encodings.idna, json, port_linker.ports.os.peer\n"
    environ = {key: value for key, value in os.environ.items() if "COV" not in key}
    done = subprocess.run(
        [sys.executable, "-c", head + imports + drop + code, *words],
        capture_output=True,
        timeout=30,
        cwd="/",
        env=environ,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def python_for(uid: int | None) -> str:
    """Return a Python that another user can start, too."""
    if uid is None:
        return sys.executable
    return os.path.realpath("/usr/bin/python3")
