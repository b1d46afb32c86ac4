"""Reads what the host must know of this machine. I/O; runs on Python 3.9."""

from __future__ import annotations

import os
import platform
import pwd

from port_linker import clock
from port_linker.model import clean_text
from port_linker.protocol.messages import Facts

DEFAULT_EPHEMERAL = (32768, 60999)  # Linux, Documentation/networking/ip-sysctl.rst


def read_facts(source: str) -> Facts:
    """Return the facts; what cannot be read is left empty or at the kernel's default."""
    return Facts(
        uid=os.getuid(),
        user=_user_name(os.getuid()),
        hostname=clean_text(platform.node()),
        boot_id=_read("/proc/sys/kernel/random/boot_id"),
        netns=_link("/proc/self/ns/net"),
        ephemeral=_ephemeral(_read("/proc/sys/net/ipv4/ip_local_port_range")),
        ssh_port=_ssh_port(os.environ.get("SSH_CONNECTION", "")),
        python=platform.python_version(),
        source=source,
        pid=os.getpid(),
        wall_s=clock.wall_s(),
    )


def _user_name(uid: int) -> str:
    try:
        return clean_text(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return str(uid)


def _ephemeral(text: str) -> tuple[int, int]:
    parts = text.split()
    if len(parts) == 2 and all(part.isdecimal() for part in parts):
        return int(parts[0]), int(parts[1])
    return DEFAULT_EPHEMERAL


def _ssh_port(connection: str) -> int | None:
    """SSH_CONNECTION is "client-address client-port server-address server-port" (sshd(8))."""
    parts = connection.split()
    return int(parts[3]) if len(parts) == 4 and parts[3].isdecimal() else None


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(256).strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
