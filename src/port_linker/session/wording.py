"""Turns the binding room's questions into those that a front end asks. Pure."""

from __future__ import annotations

from port_linker.binding import commands as cmd
from port_linker.binding.conflict import ALLOW, KILL, REMAP, SKIP
from port_linker.session import questions as q

_CHOICES = {
    KILL: q.KILL,
    REMAP: q.REMAP,
    SKIP: q.SKIP,
    ALLOW: q.Choice("l", ALLOW, "link it this time"),
}


def to_question(question: cmd.Question) -> q.Question:
    """Return the question for a person; skipping is what happens without an answer."""
    return q.Question(
        id=question.id,
        kind=question.kind.value,
        sentence=question.text,
        choices=tuple(_CHOICES[word] for word in question.choices),
        default=SKIP,
        service=question.service.id.key,
    )
