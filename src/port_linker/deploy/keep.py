"""Keeps the agent's bundle on this machine, so that a start need not build it again. I/O.

Building takes 100 ms of the interpreter, beside the imports of a start; finding it 2 ms (measured
2026-11-21). A kept bundle belongs to the exact files that it was made from: their names, sizes and
times name it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Iterator

from port_linker.folders import cache_folder

KEPT_FILES = 4  # of several installations; the ones used last stay
MAX_BYTES = 16 << 20
DIGEST_BYTES = hashlib.sha256().digest_size


def load_or_build(package: str, build: Callable[[], bytes]) -> bytes:
    """Return what build() returns for the files below the folder `package`, kept if possible.

    A file that is not ours alone, damaged or not readable is built and written again; a folder that
    cannot be used costs no more than the time.
    """
    folder = cache_folder("bundles")
    try:
        path = os.path.join(folder, f"{_name_files(package)}.pyz")
    except OSError:  # not installed as files
        return build()
    kept = _read(path)
    if kept is not None:
        return kept
    data = build()
    with contextlib.suppress(OSError):
        _write(folder, path, data)
    return data


def _name_files(package: str) -> str:
    """Return a digest of the names, sizes and times of the package's sources."""
    seen = hashlib.sha256(os.path.abspath(package).encode("utf-8", "surrogateescape"))
    for path in sorted(_sources(package)):
        status = os.stat(path)
        seen.update(f"\0{path}\0{status.st_size}\0{status.st_mtime_ns}".encode(errors="replace"))
    return seen.hexdigest()[:32]


def _sources(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _sources(entry.path)
            elif entry.name.endswith(".py"):
                yield entry.path


def _read(path: str) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
                return None
            raw = file.read(MAX_BYTES)
        with contextlib.suppress(OSError):
            os.utime(path)
    except OSError:
        return None
    digest, data = raw[:DIGEST_BYTES], raw[DIGEST_BYTES:]
    return data if hashlib.sha256(data).digest() == digest else None


def _write(folder: str, path: str, data: bytes) -> None:
    os.makedirs(folder, mode=0o700, exist_ok=True)
    new = f"{path}.{os.getpid()}.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(hashlib.sha256(data).digest() + data)
        os.replace(new, path)
    except OSError:
        os.unlink(new)
        raise
    paths = [entry.path for entry in os.scandir(folder)]
    for old in sorted(paths, key=os.path.getmtime)[:-KEPT_FILES]:
        os.unlink(old)
