"""What an option is. Pure.

An option's name is its field in args.Settings ("on_conflict"), its flag ("--on-conflict") and its
variable in the environment ("PORT_LINKER_ON_CONFLICT").
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

ENV_PREFIX = "PORT_LINKER_"


class Kind(enum.Enum):
    """What follows a flag."""

    FLAG = "flag"  # nothing
    COUNT = "count"  # nothing; repeat it for more
    TEXT = "text"
    NUMBER = "number"
    WORDS = "words"  # text, may be repeated


@dataclass(frozen=True)
class Option:
    """One option. verbs: where it stands; group: its heading in the help."""

    name: str
    kind: Kind
    help: str
    verbs: tuple[str, ...]
    group: str
    metavar: str = ""
    short: str | None = None
    choices: tuple[str, ...] = ()
    file: bool = False

    @property
    def flag(self) -> str:
        """As typed: "--on-conflict"."""
        return "--" + self.name.replace("_", "-")

    @property
    def flags(self) -> tuple[str, ...]:
        """All spellings, the long one first."""
        return (self.flag, self.short) if self.short else (self.flag,)

    @property
    def env(self) -> str:
        """Its variable in the environment."""
        return ENV_PREFIX + self.name.upper()

    @property
    def takes_value(self) -> bool:
        """Whether a word follows the flag."""
        return self.kind in (Kind.TEXT, Kind.NUMBER, Kind.WORDS)
