"""Turn the questions of the room `ports` into those that a front end asks. Pure."""

from __future__ import annotations

from dataclasses import replace

from port_linker.ports import commands as cmd
from port_linker.ports.policy import ALLOW, KILL, REMAP, SKIP
from port_linker.ports.types import PortHolder, describe_holder
from port_linker.session import questions as q

_CHOICES = {
    REMAP: q.REMAP,
    SKIP: q.SKIP,
    ALLOW: q.Choice("y", ALLOW, "link it this time"),
}


def to_question(question: cmd.PortQuestion) -> q.Question:
    """Return the question for a person; skipping is what happens without an answer."""
    return q.Question(
        id=question.id,
        kind=question.kind.value,
        sentence=question.text,
        choices=tuple(_to_choice(word, question) for word in question.choices),
        default=SKIP,
        service=question.service.id.key,
    )


def _to_choice(word: str, question: cmd.PortQuestion) -> q.Choice:
    """Return the answer; one that cannot be undone names what it is done to."""
    if word != KILL:
        return _CHOICES[word]
    who = f"{describe_holder(question.holder)}, which holds port {question.port} of this machine"
    return replace(q.KILL, confirm=f"{who}; what it has not saved is lost")


def explain_kill(holder: PortHolder, port: int, why_not: str | None) -> str:
    """Return the sentence about a process of this machine. why_not: None if it was ended."""
    who = f"{holder.command or 'the process'} (pid {holder.pid})"
    if why_not is None:
        return f"{who}, which held port {port} on this machine, was ended"
    return f"{who}, which holds port {port} on this machine, was not ended: {why_not}"
