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
_PROXY_ENDED = "closed by UNKNOWN port"  # ssh's name for a peer that a jump host should reach
_FORWARD_REFUSED = "stdio forwarding failed"  # by a jump host that was reached: the target's fault
_TO_TRY = {TargetKind.DOCKER: "docker exec -i NAME sh", TargetKind.EXEC: "the command behind exec:"}
_PORT_BEHIND = re.compile(r"([^:\[\]/]+):([0-9]{1,5})")  # dev1:22, which ssh takes for a name
NOT_EXECUTABLE, NOT_FOUND = 126, 127  # a shell's words for a command that it cannot run


def explain_end(target: Target, status: int, last_lines: Sequence[str]) -> PortLinkerError:
    """Return the error for a command that ended before a shell answered.

    status: exit status, negative for a signal. last_lines: of stderr, the newest last.
    """
    text = "\n".join(last_lines)
    rule = _find_rule(target.kind, status, text)
    said = _quote(last_lines)
    if _PROXY_ENDED in text and rule.pattern:  # what the jump host said stands further up
        said = _quote([line for line in last_lines if re.search(rule.pattern, line)])
    if not said:
        said = f" (exit status {status})" if status >= 0 else f" (signal {-status})"
    return _make_error(rule, target, said, _is_on_the_way(rule, text))


def explain_missing(target: Target, program: str) -> UnreachableError:
    """Return the error for a program that this machine does not have."""
    code, hint = MISSING[target.kind]
    return UnreachableError(f"{clean_text(program)} is not on this machine", hint, code)


def explain_login_timeout(target: Target, waited_s: float) -> UnreachableError:
    """Return the error for a target of which nothing was heard in time."""
    to_try = _TO_TRY.get(target.kind)
    return UnreachableError(
        f"{target} gave no shell within {waited_s:g} s",
        f"see whether {to_try} gives one" if to_try else TRY_SSH.format(target=target.typed),
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


def _is_on_the_way(rule: Rule, text: str) -> bool:
    """Whether a jump host ended it, not the target."""
    if rule.code in ("PL-SSH-CLOSED", "PL-SSH-CONFIG") or _FORWARD_REFUSED in text:
        return False
    return _PROXY_ENDED in text


def _make_error(rule: Rule, target: Target, said: str, is_on_the_way: bool) -> PortLinkerError:
    who = f"a machine on the way to {target}" if is_on_the_way else target
    message = rule.message.format(target=who) + said
    hint = rule.hint.format(target=target.typed)
    if rule.code == "PL-SSH-RESOLVE" and (host := _PORT_BEHIND.fullmatch(target.words[0])):
        hint = f"for port {host[2]} write ssh://{target.words[0]}, or -p {host[2]} {host[1]}"
    return rule.error(message, hint, rule.code)


def _quote(lines: Sequence[str]) -> str:
    """Return the last line that says something, as ": text"."""
    for line in reversed(lines):
        text = clean_text(line.strip(), MAX_QUOTED_CHARS)
        if text and not set(text) <= set("@ *-=#"):
            return f": {text}"
    return ""
