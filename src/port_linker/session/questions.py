"""What a session asks a person, and the answers it can get. Pure: types only."""

from __future__ import annotations

from dataclasses import dataclass

CONFLICT = "conflict"  # a port is held here: kill, remap, skip
LOGIN = "login"  # ssh needs a person: log in, later
EPHEMERAL = "ephemeral"  # a short-lived port of the login user: link, skip


@dataclass(frozen=True)
class Choice:
    """One answer.

    key: the one lower-case letter that a person types. word: what ask() returns.
    description: what happens then, in a few words. confirm: what a person is asked to say yes to
    before it happens; "" for what can be undone.
    """

    key: str
    word: str
    description: str
    confirm: str = ""


@dataclass(frozen=True)
class Question:
    """Something that only a person can decide.

    id: names the question while it is open. kind: CONFLICT, EPHEMERAL or LOGIN.
    sentence: what is asked, with the process named; its texts are cleaned when shown.
    default: the word of the choice that stands when nobody answers.
    service: key of the service it is about ("tcp/127.0.0.1:80"), if any.
    """

    id: str
    kind: str
    sentence: str
    choices: tuple[Choice, ...]
    default: str
    service: str | None = None

    def word_of(self, answer: str) -> str | None:
        """Return the word that a typed letter or word means; None if it means nothing.

        An empty answer is the default.
        """
        if not answer.strip():
            return self.default
        choice = self.choice_of(answer)
        return None if choice is None else choice.word

    def choice_of(self, answer: str) -> Choice | None:
        """Return the choice of a typed letter or word; None if it means nothing."""
        typed = answer.strip().lower()
        found = (choice for choice in self.choices if typed in (choice.key, choice.word))
        return next(found, None)


# Keys of answers that cannot be undone navigate nowhere in the table.
KILL = Choice(
    "x",
    "kill",
    "end that process and take the port",
    "that process; what it has not saved is lost",
)
REMAP = Choice("r", "remap", "use another local port")
SKIP = Choice("s", "skip", "leave this service out")
