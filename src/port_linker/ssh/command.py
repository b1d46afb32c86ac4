"""The words of the command that reaches a target. Pure."""

from __future__ import annotations

import re

from port_linker.errors import UsageError
from port_linker.ssh.target import Target, TargetKind

CONNECT_TIMEOUT_S = 20  # with a person waiting; ssh would wait for the kernel, two minutes or more
UNATTENDED_CONNECT_TIMEOUT_S = 6  # three SYNs (0, 1, 3 s), the banner; a new attempt follows

# The user's forwards must not take our ports, a RemoteCommand not replace our shell, and a terminal
# in between would not pass every byte. As master of a shared connection ("ControlMaster auto") our
# ssh would carry the user's other sessions, and end them with ours; a master that runs may be used.
# ssh refuses an option that it does not know, so its version decides: RemoteCommand came with
# OpenSSH 7.6 (2017), the others are from before 2012.
_ALWAYS = ("ClearAllForwardings=yes", "RequestTTY=no", "ControlMaster=no")
_SINCE_7_6 = ("RemoteCommand=none",)
# OpenSSH 8.7 (2021) can set these in ssh_config; any other value would detach ssh from us.
_SINCE_8_7 = ("ForkAfterAuthentication=no", "SessionType=default", "StdinNull=no")
# After an outage: ask nobody, and do not trust a shared connection that may hang.
_UNATTENDED = ("BatchMode=yes", "ControlPath=none")

# Container clients are written in Go, take SIGINT although it was ignored, and end at Ctrl-C before
# we have said goodbye (seen with docker 2026-11-21). They ask nothing on a terminal, so they can
# stand in a process group that the terminal's signals do not reach; ssh or sudo could not.
_OWN_GROUP = frozenset({"docker", "podman", "nerdctl", "kubectl", "oc", "crictl", "ctr"})

SshVersion = tuple[int, int]


def parse_ssh_version(text: str) -> SshVersion | None:
    """Return (9, 2) of the output of ssh -V ("OpenSSH_9.2p1 Debian-2, OpenSSL 3.0.19").

    None for another program's, of which no option of 8.7 is assumed.
    """
    match = re.search(r"OpenSSH(?:_for_Windows)?_(\d{1,3})\.(\d{1,3})", text)
    return (int(match[1]), int(match[2])) if match else None


def plan_command(
    target: Target,
    ssh_version: SshVersion | None = None,
    ssh_options: tuple[str, ...] = (),
    unattended: bool = False,
) -> tuple[str, ...]:
    """Return the words to start, without any shell, so that a POSIX shell reads its stdin.

    ssh takes the first value of an option that it meets: what must hold stands before the user's
    options, what is only a default behind them.
    Raises UsageError for an option that is not written as for ssh -o.
    """
    if target.kind is TargetKind.DOCKER:
        return ("docker", "exec", "-i", target.words[0], "sh")
    if target.kind is TargetKind.EXEC:
        return target.words
    forced = list(_ALWAYS)
    if ssh_version is None or ssh_version >= (7, 6):
        forced += _SINCE_7_6
    if ssh_version is not None and ssh_version >= (8, 7):
        forced += _SINCE_8_7
    if unattended:
        forced += _UNATTENDED
    timeout_s = UNATTENDED_CONNECT_TIMEOUT_S if unattended else CONNECT_TIMEOUT_S
    options = [*forced, *map(check_ssh_option, ssh_options), f"ConnectTimeout={timeout_s}"]
    words = [word for option in options for word in ("-o", option)]
    return ("ssh", "-T", *words, *target.flags, "--", target.words[0], "exec", "sh")


def needs_own_group(words: tuple[str, ...]) -> bool:
    """Whether the command must be kept from the terminal's signals by a group of its own."""
    return words[0].rpartition("/")[2] in _OWN_GROUP


def check_ssh_option(option: str) -> str:
    """Return the option. Raises UsageError if it is not written as for ssh -o."""
    if option.startswith("-") or not re.match(r"[A-Za-z]+\s*[= ]\s*\S", option):
        raise UsageError(
            f"--ssh-option takes a line of ssh_config, not {option!r}",
            "for example --ssh-option Port=2222 or --ssh-option ProxyJump=bastion",
        )
    return option
