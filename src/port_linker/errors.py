"""The errors of port-linker, named by whose fault they are. Pure; runs on Python 3.9.

Every error that a person sees has one sentence, a next step (hint) and a stable code that is
also its place in docs/operations.md. cli/main.py alone prints them and turns them into exit codes.
"""

from __future__ import annotations

from typing import Optional

EXIT_OK = 0
EXIT_INTERNAL = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_AUTH = 4
EXIT_HOST_KEY = 5
EXIT_TARGET = 6
EXIT_NOTHING_BOUND = 7
EXIT_WAIT_TIMEOUT = 8
EXIT_NO_SESSION = 9
EXIT_INTERRUPTED = 130


class PortLinkerError(Exception):
    """Base of all errors shown to a person: message, hint, code, exit code."""

    code = "PL-INTERNAL"
    exit_code = EXIT_INTERNAL

    def __init__(
        self, message: str, hint: Optional[str] = None, code: Optional[str] = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code


class UsageError(PortLinkerError):
    """The command line asks for something that does not exist."""

    code = "PL-USAGE"
    exit_code = EXIT_USAGE


class UnreachableError(PortLinkerError):
    """ssh (docker, the command) did not reach the target."""

    code = "PL-SSH-UNREACHABLE"
    exit_code = EXIT_UNREACHABLE


class AuthError(PortLinkerError):
    """The target was reached and refused the login."""

    code = "PL-SSH-AUTH"
    exit_code = EXIT_AUTH


class HostKeyError(PortLinkerError):
    """The target's host key is unknown or changed."""

    code = "PL-SSH-HOST-KEY"
    exit_code = EXIT_HOST_KEY


class TargetError(PortLinkerError):
    """The target was reached but cannot run the agent."""

    code = "PL-TARGET"
    exit_code = EXIT_TARGET


class BindError(PortLinkerError):
    """Nothing, or not what was required, could be bound on this machine."""

    code = "PL-BIND"
    exit_code = EXIT_NOTHING_BOUND


class ProtocolError(PortLinkerError):
    """The other side sent what the protocol does not allow."""

    code = "PL-PROTOCOL"
    exit_code = EXIT_TARGET


class LinkLost(PortLinkerError):
    """The link to the other side ended; an outage begins."""

    code = "PL-LINK-LOST"
    exit_code = EXIT_UNREACHABLE
