"""The bundle's file on the target: found, checked, stored, pruned. Runs there; Python 3.9.

Sent as source text in front of attacher.py (see bundle.py), so it imports nothing of ours; the
agent keeps the sidecar's executable by it too. Only directories that are ours alone are used
(lstat: a directory, our uid, mode 0700), so what stands in one was written by us; the digest guards
against damage.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import socket
import stat

KEEP_S = 7 * 86400.0  # files of older versions go after that time without use
MAX_BUNDLE_BYTES = 16 << 20
MAX_ENTRIES = 1000  # read of a directory that other people may fill
SPARE_NAMES = 3  # abstract names beside an agent's first one
MAX_SOCKET_PATH_BYTES = 107  # sockaddr_un of Linux has 108 with the end


def is_ours(path: str) -> bool:
    """Whether path is a real directory of this user that nobody else may enter."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.geteuid()
        and stat.S_IMODE(found.st_mode) == 0o700
    )


def open_dir(path: str) -> str | None:
    """Return path, made if it is missing, or a sibling "path-RANDOM" if it is not ours.

    None if nothing can be made there. A sibling of an earlier run is used again.
    """
    with contextlib.suppress(OSError):
        os.mkdir(path, 0o700)
    if is_ours(path):
        return path
    for sibling in _siblings(path):
        if is_ours(sibling):
            return sibling
    fresh = path + "-" + os.urandom(8).hex()
    with contextlib.suppress(OSError):
        os.mkdir(fresh, 0o700)
    return fresh if is_ours(fresh) else None


def _siblings(path: str) -> list[str]:
    parent, name = os.path.split(path)
    try:
        with os.scandir(parent) as entries:
            names = [entry.name for entry in itertools.islice(entries, MAX_ENTRIES)]
    except OSError:
        return []
    return [os.path.join(parent, found) for found in names if found.startswith(name + "-")]


def bundle_path(directory: str, digest: str) -> str:
    """Return the file that holds the bundle of this digest."""
    return os.path.join(directory, "agent-" + digest + ".pyz")


def find_bundle(directories: list[str], digest: str) -> str | None:
    """Return the first whole bundle of this digest, marked as used; damaged ones are removed."""
    for directory in directories:
        path = bundle_path(directory, digest)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with open(fd, "rb") as file:
                data = file.read(MAX_BUNDLE_BYTES + 1)
            if is_whole(data, digest):
                touch(path)
                return path
            os.unlink(path)
        except OSError:
            continue
    return None


def is_whole(data: bytes, digest: str) -> bool:
    """Whether data is the bundle of this digest (SHA-256, hex)."""
    return sha256_hex(data) == digest


def sha256_hex(data: bytes) -> str:
    """Return the digest by Python's own code: hashlib would load OpenSSL, 5 to 10 ms a start."""
    for name in ("_sha2", "_sha256", "hashlib"):  # 3.12 and later, before, and where both lack
        with contextlib.suppress(ImportError):
            return str(__import__(name).sha256(data).hexdigest())
    raise OSError("this Python has no SHA-256")


def touch(path: str) -> None:
    """Mark a file as used now, so that it is not pruned."""
    with contextlib.suppress(OSError):
        os.utime(path)


def hold(path: str) -> int | None:
    """Keep a file from being pruned until the descriptor is closed, or this process ends.

    Its age alone would not do: a wall clock that jumps makes every file old at once. None where
    the file or the file system takes no lock (flock(2)); its age counts there.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd


def is_held(path: str) -> bool:
    """Whether a process holds the file, as hold() does."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False


def store_bundle(directories: list[str], digest: str, data: bytes) -> str | None:
    """Write the bundle into the first directory that takes it whole; None if none does."""
    for directory in directories:
        path = bundle_path(directory, digest)
        if write_file(path, data):
            return path
    return None


def write_file(path: str, data: bytes, mode: int = 0o600) -> bool:
    """Replace a file in one step; False, with nothing left behind, on a full or failing disk."""
    part = path + "." + os.urandom(4).hex()
    try:
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with open(fd, "wb") as file:
            file.write(data)
        os.replace(part, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(part)
        return False
    return True


def make_memory_bundle(data: bytes) -> str:
    """Return the path of a bundle that no file system holds. Raises OSError.

    Its descriptor stays open and is inherited by the agent, which opens it by this path.
    """
    fd = os.memfd_create("port-linker", 0)
    with open(fd, "wb", closefd=False) as file:
        file.write(data)
    path = "/proc/self/fd/" + str(fd)
    os.stat(path)  # without /proc the agent could not open it
    return path


def socket_path(directory: str | None, agent_id: str) -> str:
    """Return where an agent listens: a path, or "@name" in the abstract namespace."""
    if directory is not None:
        path = os.path.join(directory, "agent-" + agent_id + ".sock")
        if len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES:
            return path
    return f"@port-linker-{os.geteuid()}-{agent_id}"


def spare_names(agent_id: str, token: str) -> list[str]:
    """Return the abstract names at which an agent listens if the first one is taken.

    Every user sees the names that are in use, and may take one as soon as it is free. Without the
    session's token nobody can tell the next one.
    """
    secrets = (f"{token} {agent_id} {number}".encode() for number in range(SPARE_NAMES))
    ends = (sha256_hex(secret)[:32] for secret in secrets)
    return [f"@port-linker-{os.geteuid()}-{end}" for end in ends]


def connect_socket(path: str, limit_s: float) -> socket.socket:
    """Return a connection to an agent's socket, with that time limit. Raises OSError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(limit_s)
        sock.connect("\0" + path[1:] if path.startswith("@") else path)
    except BaseException:
        sock.close()
        raise
    return sock


def prune(directory: str, now_s: float) -> None:
    """Remove files that are unused for KEEP_S and not held, and old sockets with no listener.

    A younger socket stays even if it refuses: a home directory may be shared by several machines,
    and the socket of another machine's agent refuses here.
    """
    try:
        with os.scandir(directory) as entries:
            found = list(itertools.islice(entries, MAX_ENTRIES))
    except OSError:
        return
    for entry in found:
        with contextlib.suppress(OSError):
            status = entry.stat(follow_symlinks=False)
            old = now_s - status.st_mtime > KEEP_S
            is_ours = entry.name.startswith(("agent-", "tunnel-"))
            if is_ours and old and not _is_alive(entry.path, status):
                os.unlink(entry.path)


def _is_alive(path: str, status: os.stat_result) -> bool:
    if not stat.S_ISSOCK(status.st_mode):
        return is_held(path)
    try:
        connect_socket(path, 1.0).close()
    except OSError as error:
        return error.errno != errno.ECONNREFUSED
    return True
