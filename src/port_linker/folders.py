"""The folders of this user that port-linker keeps files in. I/O: reads the environment.

platformdirs follows the XDG base directories; it is imported when it is needed (3 ms).
"""

from __future__ import annotations

import os
import sys

NAME = "port-linker"


def state_folder(*parts: str) -> str:
    """Return the folder of logs and of what is known per target, or a path below it."""
    if sys.platform == "linux":  # the same in microseconds: it is asked before the first word
        chosen = os.environ.get("XDG_STATE_HOME", "")
        base = chosen if os.path.isabs(chosen) else os.path.expanduser("~/.local/state")
        if os.path.isabs(base):
            return os.path.join(base, NAME, *parts)
    import platformdirs

    return os.path.join(platformdirs.user_state_dir(NAME), *parts)


def cache_folder(*parts: str) -> str:
    """Return the folder of what can be made again, or a path below it."""
    import platformdirs

    return os.path.join(platformdirs.user_cache_dir(NAME), *parts)
