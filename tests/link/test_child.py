"""The process of a sidecar ends in time, whatever it does."""

from __future__ import annotations

import os
import pathlib
import socket

import pytest

from port_linker.link.child import KEPT_STDERR_BYTES, SidecarProcess


def write_script(folder: pathlib.Path, text: str) -> str:
    path = folder / "script"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


async def test_last_words_are_kept_and_bounded(tmp_path: pathlib.Path) -> None:
    words = f"head -c {4 * KEPT_STDERR_BYTES} /dev/zero | tr '\\0' x >&2; echo last >&2"
    here, there = socket.socketpair()
    with here, there:
        process = SidecarProcess([write_script(tmp_path, words)], there)
        there.close()
        assert here.recv(1) == b"", "its end closes the socket"
        while not process.last_words().endswith("last"):
            pass
        assert len(process.last_words()) <= 2000
        await process.end()


async def test_one_that_stays_is_killed(tmp_path: pathlib.Path) -> None:
    here, there = socket.socketpair()
    with here, there:
        process = SidecarProcess([write_script(tmp_path, "exec sleep 60")], there)
        await process.end()
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)


async def test_it_has_a_session_of_its_own(tmp_path: pathlib.Path) -> None:
    here, there = socket.socketpair()
    with here, there:
        process = SidecarProcess([write_script(tmp_path, "exec sleep 60")], there)
        assert os.getsid(process.pid) == process.pid
        await process.end()
