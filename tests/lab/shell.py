"""Commands of the lab: run one to its end, with a limit and an error that says what it said."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


class LabError(Exception):
    """The lab itself could not be built or did not do what it was asked."""


def run(
    *command: str,
    data: str | None = None,
    timeout_s: float = 30,
    env: Mapping[str, str] | None = None,
    check: bool = True,
) -> str:
    """Return what the command wrote to stdout. Raises LabError with its stderr if it failed."""
    try:
        done = subprocess.run(
            command,
            input=data,
            stdin=None if data is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=env,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(f"{' '.join(command)}: {error}") from error
    if check and done.returncode != 0:
        words = done.stderr.strip() or done.stdout.strip()
        raise LabError(f"{' '.join(command)} gave {done.returncode}: {words}")
    return done.stdout


def wait_until(ask: Callable[[], T], what: str, timeout_s: float = 10, every_s: float = 0.01) -> T:
    """Return the first true answer of `ask`. Raises LabError naming `what` after timeout_s."""
    end = time.monotonic() + timeout_s
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            raise LabError(f"after {timeout_s:g} s still not so: {what}")
        time.sleep(every_s)


def end_process(process: subprocess.Popen[bytes], grace_s: float = 2) -> int:
    """Terminate a child of ours, kill it after grace_s, and return its exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
    code = process.wait(10)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    return code
