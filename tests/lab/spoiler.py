"""A pipe that goes wrong: python3 spoiler.py FLAG AFTER HOW COMMAND… runs the command and spoils
what it writes, once: after AFTER bytes it puts garbage in between, stops, or ends.

FLAG is a file that remembers that it has been done, so that the next attempt is clean.
HOW: garbage, stop, end. Runs anywhere; standard library alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time


def main(flag: str, after: int, how: str, command: list[str]) -> int:
    """Carry stdin to the command and its stdout back, until the moment has come."""
    pipe = subprocess.PIPE
    child = subprocess.Popen(command, stdin=pipe, stdout=pipe)
    assert child.stdin is not None
    assert child.stdout is not None
    into, out = child.stdin.fileno(), child.stdout.fileno()
    threading.Thread(target=carry_in, args=(into,), daemon=True).start()
    seen, armed = 0, not os.path.exists(flag)
    while data := os.read(out, 1 << 16):
        seen += len(data)
        if armed and seen > after:
            armed = False
            with open(flag, "w"):
                pass
            os.write(1, data[: len(data) // 2])
            spoil(how, child)
        else:
            write_all(1, data)
    return child.wait()


def spoil(how: str, child: subprocess.Popen[bytes]) -> None:
    """Do the harm."""
    if how == "garbage":
        write_all(1, os.urandom(4096))
    elif how == "end":
        child.kill()
        sys.exit(1)
    else:
        time.sleep(3600)


def carry_in(into: int) -> None:
    """Carry stdin to the command."""
    while data := os.read(0, 1 << 16):
        write_all(into, data)
    os.close(into)


def write_all(descriptor: int, data: bytes) -> None:
    """Write it all."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]))
