"""Why a channel did not open, in words: the attacher's codes, early ends, time limits. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from port_linker.deploy.replies import AttachFailed
from port_linker.deploy.settings import Stage
from port_linker.errors import PortLinkerError, TargetError
from port_linker.model import clean_text

_FAILURES = {
    "agent-crashes": (
        "PL-AGENT-CRASHES",
        "the agent on {target} crashed six times within a minute",
        "the log has its last words; please report them",
    ),
    "agent-start": (
        "PL-AGENT-START",
        "the agent does not start on {target}",
        "its Python may lack parts of the standard library; try another with --target-python",
    ),
    "no-directory": (
        "PL-TARGET-NO-DIR",
        "{target} has neither a writable directory nor memory for the agent",
        "free space in one of ~/.cache, /var/tmp, /tmp or /dev/shm there",
    ),
    "refused": (
        "PL-AGENT-REFUSED",
        "an agent runs on {target} that does not know this session",
        "it ends by itself; connect again to start a new one",
    ),
    "bundle-damaged": (
        "PL-TARGET-DAMAGED",
        "the agent arrived damaged on {target}",
        "something on the way changes bytes: a terminal in between, or a start file that reads",
    ),
    "bundle-cut": (
        "PL-TARGET-CUT",
        "the connection to {target} ended during the upload",
        "try again",
    ),
}

_UNKNOWN = (
    "PL-TARGET-ATTACH",
    "{target} could not start the agent",
    "port-linker doctor HOST looks at each step; the log has more",
)


def explain_failure(failed: AttachFailed, target_name: str) -> PortLinkerError:
    """Return the error for an attacher that gave up."""
    code, message, hint = _FAILURES.get(failed.code, _UNKNOWN)
    # Our own words alone are a pattern; those of the target are put behind it.
    text = message.format(target=target_name)
    if failed.code not in _FAILURES:
        text += f" ({failed.code})"
    return TargetError(f"{text}: {failed.detail}" if failed.detail else text, hint, code)


_LOGIN_SHELL = "check what the login runs there: port-linker needs a plain sh"
_STAGES = {
    Stage.SHELL: ("the shell on {target} did not finish its report", _LOGIN_SHELL),
    Stage.PLAN: ("{target} could not be judged", _LOGIN_SHELL),
    Stage.UPLOAD: ("{target} stopped to take the agent", "check the network, then try again"),
    Stage.ATTACH: (
        "{target} did not start the agent",
        "port-linker doctor HOST looks at each step; the log has more",
    ),
}


def explain_stage_end(
    stage: Stage, target_name: str, status: int, last_lines: Sequence[str]
) -> TargetError:
    """Return the error for a child that ended in a step after the login."""
    message, hint = _STAGES[stage]
    said = clean_text(last_lines[-1], 200) if last_lines else f"exit status {status}"
    return TargetError(f"{message.format(target=target_name)}: {said}", hint, "PL-TARGET-CUT")


def explain_stage_timeout(stage: Stage, target_name: str, limit_s: float) -> TargetError:
    """Return the error for a step after the login that took too long."""
    message, hint = _STAGES[stage]
    text = f"{message.format(target=target_name)} within {limit_s:g} s"
    return TargetError(text, hint, "PL-TARGET-TIMEOUT")
