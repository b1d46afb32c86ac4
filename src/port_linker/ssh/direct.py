"""Where ssh connects to by itself, as ssh says (`ssh -G`); its configuration is not parsed here.

I/O: runs ssh and asks the resolver.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping

from port_linker.ssh.target import Target, TargetKind

LIMIT_S = 5.0  # for ssh -G, and for the resolver
MAX_FOUND = 8


async def find_direct_addresses(
    target: Target, options: tuple[str, ...], otherwise: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Return the addresses that ssh may connect to; none if it goes through another machine.

    options: each one passed to ssh as -o OPTION. otherwise: the addresses of a target that is not
    reached by ssh. Whatever fails means that none is known.
    """
    if target.kind is not TargetKind.SSH:
        return otherwise
    host = direct_host(read_ssh_config(await _ask_ssh(target, options)))
    if host is None:
        return ()
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError, TimeoutError, UnicodeError):
        async with asyncio.timeout(LIMIT_S):
            rows = await loop.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
            return tuple(dict.fromkeys(str(row[4][0]) for row in rows))[:MAX_FOUND]
    return ()


async def _ask_ssh(target: Target, options: tuple[str, ...]) -> str:
    words = [word for option in options for word in ("-o", option)]
    try:
        process = await asyncio.create_subprocess_exec(
            "ssh", "-G", *words, *target.flags, "--", target.words[0],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    except OSError:
        return ""
    try:
        async with asyncio.timeout(LIMIT_S):
            out, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return ""
    return out.decode("utf-8", "replace")


def read_ssh_config(text: str) -> Mapping[str, str]:
    """Return the settings that `ssh -G` prints, by their lower-case names; the first one counts."""
    rows: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.strip().partition(" ")
        rows.setdefault(name.lower(), value.strip())
    return rows


def direct_host(config: Mapping[str, str]) -> str | None:
    """Return the name that ssh connects to by itself, None if it goes through something else."""
    if config.get("proxyjump", "none") != "none" or config.get("proxycommand", "none") != "none":
        return None
    return config.get("hostname") or None
