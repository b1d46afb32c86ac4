"""Forked children: this very program in another process, as another user if need be."""

from __future__ import annotations

import contextlib
import ctypes
import os
import traceback
import warnings
from collections.abc import Callable, Iterator

import pytest

NOBODY = 65534


def fork(function: Callable[[], None]) -> int:
    """Start a child that runs function and exits with 0, or 1 after an exception; its pid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the test runner may have threads; the child needs none
        pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        function()
        status = 0
    except BaseException:  # noqa: BLE001 (it ends here, whatever it is)
        traceback.print_exc()
    finally:
        os._exit(status)


def set_own_name(name: bytes) -> None:
    """Let the kernel call this process by any bytes, at most 15."""
    assert ctypes.CDLL(None).prctl(15, name, 0, 0, 0) == 0  # PR_SET_NAME


def run_as_nobody(function: Callable[[], None]) -> None:
    """Run function in a child without any privilege; an exception there fails the test."""
    if os.getuid() != 0:
        pytest.skip("needs root, to become somebody else")

    def become_nobody() -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        function()

    assert os.waitpid(fork(become_nobody), 0)[1] == 0


@contextlib.contextmanager
def living_child(prepare: Callable[[], None]) -> Iterator[int]:
    """Start a child that calls prepare and then lives until the end of the block; its pid."""
    ready, going = os.pipe(), os.pipe()

    def live() -> None:
        os.close(going[1])
        prepare()
        os.write(ready[1], b"x")
        os.read(going[0], 1)

    pid = fork(live)
    try:
        os.close(ready[1])
        assert os.read(ready[0], 1) == b"x"
        yield pid
    finally:
        for descriptor in (ready[0], *going):
            os.close(descriptor)
        os.waitpid(pid, 0)
