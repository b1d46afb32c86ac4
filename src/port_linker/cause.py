"""Why something is as it is: a code to decide by, the words for people, the next step. Pure.

A cause is made where the reason is known and travels unchanged in inputs, choices and events. Code
compares `code`, never a sentence, and explain() alone turns a cause into words.

The cause of an error has the error's PL- code (docs/operations.md) and the error's sentence as its
detail. The codes below are no errors: their sentences are in _WORDS.
"""

from __future__ import annotations

from dataclasses import dataclass

from port_linker.errors import PortLinkerError

# Of the QUIC link
NOT_TRIED = "not-tried"
HOLDING = "holding"
SILENT = "silent"
RELAYED = "relayed"
NO_TUNNEL = "no-tunnel"
TUNNEL_BUILDING = "tunnel-building"
TUNNEL_UNREADABLE = "tunnel-unreadable"
TUNNEL_NOT_BUILT = "tunnel-not-built"
# Of the stdio link and the session
NO_SIGN_OF_LIFE = "no-sign-of-life"
CHANNEL_ENDED = "channel-ended"
LINK_ENDED = "link-ended"  # detail: what ended it
FLOWS_LOST = "flows-lost"
# Of a service
NOT_NAMED = "not-named"  # in --only; detail: the sentence, with the rules
SKIPPED_BY_YOU = "skipped-by-you"
PLACEMENT = "placement"  # every other reason of a service's state; detail: the sentence

_WORDS = {
    NOT_TRIED: "QUIC was not tried yet",
    HOLDING: "UDP answers again; it must hold for a while first",
    SILENT: "UDP does not answer",
    RELAYED: "UDP does not pass; open flows go over ssh",
    NO_TUNNEL: "port-linker-tunnel is not installed",
    TUNNEL_BUILDING: "its executable is still being built",
    TUNNEL_UNREADABLE: "its executable cannot be read",
    TUNNEL_NOT_BUILT: "its executable could not be built",
    NO_SIGN_OF_LIFE: "no sign of life from the target",
    CHANNEL_ENDED: "the channel ended",
    FLOWS_LOST: "a new agent runs; connections through the one that died were reset",
    SKIPPED_BY_YOU: "skipped by you",
}


@dataclass(frozen=True)
class Cause:
    """Why something is as it is.

    code: a PL- code or one of this file. detail: the sentence of a code that has none in _WORDS.
    hint: what a person can do.
    """

    code: str
    detail: str = ""
    hint: str | None = None


def cause_of(error: PortLinkerError) -> Cause:
    """Return the cause that an error is."""
    return Cause(error.code, error.message, error.hint)


def explain(cause: Cause | None) -> str:
    """Return a cause in words, without a full stop; "" for none."""
    return "" if cause is None else _WORDS.get(cause.code, cause.detail)
