"""Control groups as systemd makes them, on a machine that may run without it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from port_linker.scan.cgroup_names import MOUNTS


@contextlib.contextmanager
def control_group(name: str) -> Iterator[Path]:
    """A control group of version 2; skips where none can be made."""
    root = next((root for root in MOUNTS if os.path.exists(f"{root}/cgroup.procs")), None)
    if root is None or not os.access(f"{root}/cgroup.procs", os.W_OK):
        pytest.skip("no control groups of version 2 that we may write")
    above = Path(root) / f"pl-test-{os.getpid()}"
    (above / name).mkdir(parents=True)
    try:
        yield above / name
    finally:
        (above / name).rmdir()
        above.rmdir()
