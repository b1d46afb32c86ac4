"""A network of its own for the demo's target, without root where the system allows it. I/O.

Linux: unshare(2), setns(2), user_namespaces(7), netdevice(7). Python has os.unshare from 3.12 on.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct

CLONE_NEWUSER = 0x10000000  # linux/sched.h
CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914  # linux/sockios.h
IFF_UP = 1
_IFREQ = struct.Struct("16sh22x")
_KINDS = (("user", CLONE_NEWUSER), ("net", CLONE_NEWNET))


def enter_private_network() -> None:
    """Give this process, which must have one thread, a network of its own with lo up.

    Raises OSError if the system does not allow it; the process may then be half way and must end.
    """
    uid, gid = os.geteuid(), os.getegid()
    try:
        _unshare(CLONE_NEWNET)
    except PermissionError:
        _unshare(CLONE_NEWUSER | CLONE_NEWNET)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{uid} {uid} 1")
        _write("/proc/self/gid_map", f"{gid} {gid} 1")
    _raise_loopback()


def join_network(pid: int) -> None:
    """Move this process into the network of another one (its user namespace first).

    Raises OSError if it is gone or not ours.
    """
    for kind, flag in _KINDS:
        theirs, own = f"/proc/{pid}/ns/{kind}", f"/proc/self/ns/{kind}"
        if os.readlink(theirs) == os.readlink(own):
            continue
        descriptor = os.open(theirs, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _check(_libc().setns(descriptor, flag))
        finally:
            os.close(descriptor)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _unshare(flags: int) -> None:
    _check(_libc().unshare(flags))


def _check(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno() or errno.EPERM
        raise OSError(code, os.strerror(code))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        answer = fcntl.ioctl(sock, SIOCGIFFLAGS, _IFREQ.pack(b"lo", 0))
        _, flags = _IFREQ.unpack(answer)
        fcntl.ioctl(sock, SIOCSIFFLAGS, _IFREQ.pack(b"lo", flags | IFF_UP))
