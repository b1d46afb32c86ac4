"""A target that lies: python -m tests.hostile.agent FOLDER STREAM SEED, run by `exec:`.

FOLDER gets `began` when the lies begin and `done` when a stream of lies has an end.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback

from tests.hostile.streams import STREAMS
from tests.hostile.wire import HostLeft, Wire

REFUSED_AT = 2  # the host has ended the link twice, and is asked no more


def main() -> int:
    """Tell one stream of lies, then be a good agent until the host leaves."""
    folder, stream, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    attempt = count_up(os.path.join(folder, "attempts"))
    wire = Wire(seed * 1000 + attempt)
    note(folder, "began", f"{time.monotonic():.2f}")
    if attempt == REFUSED_AT:
        note(folder, "done", "refused")
    try:
        with contextlib.suppress(HostLeft):
            STREAMS[stream](wire)
            wire.settle()
            note(folder, "done", f"{time.monotonic():.2f}")
            wire.reads = True
            while True:
                wire.listen(60)
    except Exception:
        note(folder, "broken", traceback.format_exc())
        raise
    return 0


def count_up(path: str) -> int:
    """Return how often this was called before."""
    with open(path, "a+") as file:
        file.write("x")
        return file.tell() - 1


def note(folder: str, name: str, text: str) -> None:
    """Write a file, unless it is there already."""
    with contextlib.suppress(FileExistsError), open(os.path.join(folder, name), "x") as file:
        file.write(text)


if __name__ == "__main__":
    sys.exit(main())
