"""Targets whose file systems are unkind: noexec, read-only, full. Each is a private mount tree."""

from __future__ import annotations

import os

# Where an agent may look for a directory; the login's home comes on top.
SCRATCH = ("/tmp", "/var/tmp", "/dev/shm", "/run/user")


def private(*steps: str) -> list[str]:
    """Return a command prefix: what follows runs where these mounts are, and nobody else sees."""
    script = "\n".join(["set -e", *steps, 'exec "$@"'])
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]


def scratch_folders() -> list[str]:
    """Return the scratch folders that exist here."""
    return [path for path in SCRATCH if os.path.isdir(path)]


def _cover(path: str, options: str) -> str:
    return f"mount -t tmpfs -o {options} tmpfs {path}"


def noexec_scratch() -> list[str]:
    """Nothing below /tmp and its like can be executed; the home is as it was."""
    return private(*(_cover(path, "noexec,mode=1777") for path in scratch_folders()))


def readonly_home(home: str) -> list[str]:
    """The home cannot be written; /tmp can."""
    return private(f"mount --bind {home} {home}", f"mount -o remount,bind,ro {home}")


def nothing_writable(home: str) -> list[str]:
    """Neither the home nor any scratch folder can be written."""
    scratch = [_cover(path, "ro,mode=1777") for path in scratch_folders()]
    return private(f"mount --bind {home} {home}", f"mount -o remount,bind,ro {home}", *scratch)


def full_disk(home: str) -> list[str]:
    """Every folder that can be written has 16 KiB left: enough for a name, not for a bundle."""
    return private(
        *(_cover(path, "mode=1777,size=16k") for path in scratch_folders()),
        _cover(home, "mode=1777,size=16k"),
    )


def reachable(path: str, home: str) -> list[str]:
    """Let everybody read `path` though a folder above it is closed (a Python below /root).

    The first closed folder is covered by a tmpfs in which only `path` is to be seen. home: a
    folder that must stay as it is, kept in the same way if it lies below.
    """
    closed = first_closed_folder(path)
    if closed is None:
        return []
    keep = [path, *([home] if home.startswith(closed + "/") else [])]
    steps = ["hold=$(mktemp -d)"]
    for index, kept in enumerate(keep):
        steps += [f"mkdir $hold/{index}", f"mount --bind {kept} $hold/{index}"]
    steps.append(_cover(closed, "mode=755"))
    for index, kept in enumerate(keep):
        steps += [f"mkdir -p {kept}", f"mount --move $hold/{index} {kept}"]
    steps += ["rmdir $hold/* $hold"]
    return private(*steps)


def first_closed_folder(path: str) -> str | None:
    """Return the first folder on the way to `path` that others may not enter."""
    parts = path.strip("/").split("/")
    for count in range(1, len(parts) + 1):
        folder = "/" + "/".join(parts[:count])
        if not os.stat(folder).st_mode & 0o001:
            return folder
    return None
