"""The folders of this user that port-linker keeps files in. I/O: reads the environment.

platformdirs follows the XDG base directories; it is imported when it is needed (3 ms).
"""

from __future__ import annotations

import os

NAME = "port-linker"


def state_folder(*parts: str) -> str:
    """Return the folder of logs and of what is known per target, or a path below it."""
    import platformdirs

    return os.path.join(platformdirs.user_state_dir(NAME), *parts)


def cache_folder(*parts: str) -> str:
    """Return the folder of what can be made again, or a path below it."""
    import platformdirs

    return os.path.join(platformdirs.user_cache_dir(NAME), *parts)
