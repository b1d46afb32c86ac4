"""Why the command to the target ended: exit status and last words become one clear error. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from port_linker.errors import PortLinkerError, UnreachableError
from port_linker.model import clean_text
from port_linker.ssh.reasons import (
    DOCKER_RULES,
    FALLBACK,
    MISSING,
    NO_SHELL,
    SSH_RULES,
    TRY_SSH,
    Rule,
)
from port_linker.ssh.target import Target, TargetKind

MAX_QUOTED_CHARS = 200
SSH_FAILED = 255  # ssh's own failures; every other status is the remote command's
NOT_EXECUTABLE, NOT_FOUND = 126, 127  # a shell's words for a command that it cannot run


def explain_end(target: Target, status: int, last_lines: Sequence[str]) -> PortLinkerError:
    """Return the error for a command that ended before a shell answered.

    status: exit status, negative for a signal. last_lines: of stderr, the newest last.
    """
    rule = _find_rule(target.kind, status, "\n".join(last_lines))
    said = _quote(last_lines)
    if not said:
        said = f" (exit status {status})" if status >= 0 else f" (signal {-status})"
    return _make_error(rule, target, said)


def explain_missing(target: Target, program: str) -> UnreachableError:
    """Return the error for a program that this machine does not have."""
    code, hint = MISSING[target.kind]
    return UnreachableError(f"{clean_text(program)} is not on this machine", hint, code)


def explain_login_timeout(target: Target, waited_s: float) -> UnreachableError:
    """Return the error for a target of which nothing was heard in time."""
    return UnreachableError(
        f"{target} gave no shell within {waited_s:g} s",
        TRY_SSH.format(target=target),
        "PL-SSH-TIMEOUT" if target.kind is TargetKind.SSH else "PL-TARGET-TIMEOUT",
    )


def _find_rule(kind: TargetKind, status: int, text: str) -> Rule:
    rules: tuple[Rule, ...] = ()
    if kind is TargetKind.DOCKER:
        rules = DOCKER_RULES
    elif kind is TargetKind.SSH and (status == SSH_FAILED or status < 0):
        rules = SSH_RULES
    for rule in rules:
        if re.search(rule.pattern, text):
            return rule
    if kind is TargetKind.SSH and 0 <= status != SSH_FAILED:
        return NO_SHELL  # the login worked; what it started was no shell
    return NO_SHELL if status in (NOT_EXECUTABLE, NOT_FOUND) else FALLBACK[kind]


def _make_error(rule: Rule, target: Target, said: str) -> PortLinkerError:
    message = rule.message.format(target=target) + said
    return rule.error(message, rule.hint.format(target=target), rule.code)


def _quote(lines: Sequence[str]) -> str:
    """Return the last line that says something, as ": text"."""
    for line in reversed(lines):
        text = clean_text(line.strip(), MAX_QUOTED_CHARS)
        if text and not set(text) <= set("@ *-=#"):
            return f": {text}"
    return ""
