"""The texts by which ssh and docker say why they ended, and what they mean. Pure: a table.

The texts are those of OpenSSH (ssh.c, sshconnect.c, sshconnect2.c, packet.c, mux.c) and of the
docker client; an unknown text still gives the error of its exit status.
"""

from __future__ import annotations

from dataclasses import dataclass

from port_linker.errors import (
    AuthError,
    HostKeyError,
    PortLinkerError,
    TargetError,
    UnreachableError,
)
from port_linker.ssh.target import TargetKind


@dataclass(frozen=True)
class Rule:
    pattern: str
    error: type[PortLinkerError]
    code: str
    message: str  # {target} is the target's name
    hint: str


TRY_SSH = "see whether ssh {target} works, then try again"
SSH_RULES = (
    Rule(
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|host key for \S+ has changed",
        HostKeyError,
        "PL-SSH-HOST-KEY-CHANGED",
        "the host key of {target} is not the one that was seen before",
        "find out why; if it is right, remove the old key with ssh-keygen -R and try again",
    ),
    Rule(
        r"Host key verification failed|No \S+ host key is known for|host key is revoked",
        HostKeyError,
        "PL-SSH-HOST-KEY",
        "the host key of {target} is not trusted on this machine",
        "log in once with ssh {target} and confirm its key",
    ),
    Rule(
        r"Could not resolve hostname|Name or service not known|nodename nor servname",
        UnreachableError,
        "PL-SSH-RESOLVE",
        "no address was found for {target}",
        "check the spelling, and that the network or VPN that knows this name is up",
    ),
    Rule(
        r"Permission denied \(|Too many authentication failures|No more authentication methods"
        r"|Authentication failed|Permission denied, please try again",
        AuthError,
        "PL-SSH-AUTH",
        "{target} refused the login",
        "see whether ssh {target} lets you in (key loaded? right user?), then try again",
    ),
    Rule(
        r"Connection refused",
        UnreachableError,
        "PL-SSH-REFUSED",
        "{target} answers, but no ssh server takes the connection",
        "check the port (ssh://user@host:port) and that sshd runs there",
    ),
    Rule(
        r"timed out|Timeout, server",
        UnreachableError,
        "PL-SSH-TIMEOUT",
        "{target} did not answer in time",
        "check that it is running, and that the network or VPN to it is up",
    ),
    Rule(
        r"No route to host|Network is unreachable|Network is down|Host is down",
        UnreachableError,
        "PL-SSH-UNREACHABLE",
        "there is no way to {target} in the network",
        "check this machine's network or VPN",
    ),
    Rule(
        r"[Bb]ad configuration option|configuration options?\b.*terminating|terminating, \d+ bad"
        r"|Bad owner or permissions on|keyword .* extra arguments",
        UnreachableError,
        "PL-SSH-CONFIG",
        "ssh does not accept its configuration",
        "correct the option or the line of ssh_config that it names",
    ),
    Rule(
        r"Unable to negotiate with|no matching \S+(?: \S+)* found",
        UnreachableError,
        "PL-SSH-NEGOTIATE",
        "ssh here and on {target} have no cryptography in common",
        "update the older side, or allow its algorithm in ssh_config",
    ),
    Rule(
        r"Session open refused by peer|session request failed|request failed on channel"
        r"|administratively prohibited",
        TargetError,
        "PL-TARGET-NO-SHELL",
        "{target} lets you log in but runs no command for you",
        "allow a command there (MaxSessions, ForceCommand and PermitOpen of its sshd_config)",
    ),
    Rule(
        r"Connection (?:closed|reset)|closed by remote host|Broken pipe|Connection to .* closed",
        UnreachableError,
        "PL-SSH-CLOSED",
        "{target} closed the connection before a command could run",
        TRY_SSH,
    ),
)
DOCKER_RULES = (
    Rule(
        r"No such container",
        UnreachableError,
        "PL-DOCKER-NO-CONTAINER",
        "there is no container for {target}",
        "docker ps lists the names",
    ),
    Rule(
        r"is not running|is paused|is restarting",
        UnreachableError,
        "PL-DOCKER-NOT-RUNNING",
        "the container of {target} is not running",
        "start it with docker start, or docker unpause",
    ),
    Rule(
        r"[Pp]ermission denied.*[Dd]ocker|[Dd]ocker.*[Pp]ermission denied",
        AuthError,
        "PL-DOCKER-PERMISSION",
        "this user may not speak to Docker",
        "become a member of the group docker, or run port-linker as a user who may",
    ),
    Rule(
        r"Cannot connect to the Docker daemon|error during connect|docker daemon.*running",
        UnreachableError,
        "PL-DOCKER-DAEMON",
        "Docker does not answer",
        "start the Docker daemon, or check DOCKER_HOST and docker context",
    ),
    Rule(
        r"executable file not found|no such file or directory",
        TargetError,
        "PL-TARGET-NO-SHELL",
        "the container of {target} holds no sh",
        "port-linker needs a shell and Python there; use an image that has them",
    ),
)
NO_SHELL = Rule(
    "",
    TargetError,
    "PL-TARGET-NO-SHELL",
    "{target} gave no POSIX shell",
    "port-linker needs a login that may run sh",
)
FALLBACK = {
    TargetKind.SSH: Rule(
        "", UnreachableError, "PL-SSH-UNREACHABLE", "ssh did not reach {target}", TRY_SSH
    ),
    TargetKind.DOCKER: Rule(
        "",
        UnreachableError,
        "PL-DOCKER-FAILED",
        "docker exec in {target} failed",
        "see whether docker exec -i NAME sh works",
    ),
    TargetKind.EXEC: Rule(
        "",
        UnreachableError,
        "PL-EXEC-FAILED",
        "the command of {target} ended before a shell answered",
        "it must run a POSIX shell that reads its standard input",
    ),
}
MISSING = {
    TargetKind.SSH: ("PL-SSH-MISSING", "install the OpenSSH client"),
    TargetKind.DOCKER: ("PL-DOCKER-MISSING", "install the Docker client, or use exec:COMMAND"),
    TargetKind.EXEC: ("PL-EXEC-MISSING", "check the spelling after exec:"),
}
