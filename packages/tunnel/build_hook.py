"""Names the wheel for the machines that its executable runs on, and refuses one without it."""

from __future__ import annotations

import os
import platform
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

EXECUTABLE = os.path.join("src", "port_linker_tunnel", "bin", "port-linker-tunnel")
# Static, so neither glibc nor musl matters; 3.2 is the oldest kernel that Rust's std supports, and
# each of these tags admits it.
LIBCS = ("manylinux_2_17", "musllinux_1_1")


class TunnelHook(BuildHookInterface):
    """Runs before a wheel is built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Set the tag. Raises RuntimeError if the executable was not built."""
        if version != "editable" and not os.access(os.path.join(self.root, EXECUTABLE), os.X_OK):
            raise RuntimeError("there is no executable to ship: run scripts/sidecar first")
        machine = platform.machine()
        build_data["pure_python"] = False
        build_data["tag"] = "py3-none-" + ".".join(f"{libc}_{machine}" for libc in LIBCS)
