"""What is known of a command line without the parser, in microseconds. Pure.

It serves three ends: `--version` without heavy imports, a word on the screen before them, and a
clear answer for verbs that are reserved. Whatever is not plain it leaves to the parser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from port_linker.cli.option import Option
from port_linker.cli.options import OPTIONS
from port_linker.cli.verbs import RESERVED, VERB_NAMES
from port_linker.errors import UsageError

WELCOME = (
    "port-linker demo        try it here and now, nothing to set up",
    "port-linker HOST        mirror the services of HOST (as for ssh) on localhost",
    "port-linker doctor HOST find out why HOST cannot be mirrored",
    "port-linker help        all verbs and options",
)
_BY_FLAG = {flag: option for option in OPTIONS for flag in option.flags}
_HELP_FLAGS = ("--help", "-h")


@dataclass(frozen=True)
class Scan:
    """A first look at the command line.

    verb: "connect" where none is written (has_verb). rest: what the parser shall read, the verb
    left out. host: the word after the verb. is_plain: every option is known and complete, and
    there is at most one word. values: the options in their order, None for one without a value.
    """

    verb: str
    has_verb: bool
    rest: tuple[str, ...]
    host: str | None
    is_plain: bool
    wants_help: bool
    wants_version: bool
    values: tuple[tuple[Option, str | None], ...] = ()


def scan_words(argv: Sequence[str]) -> Scan:
    """Return what the words after the program's name say at first sight.

    Raises UsageError (PL-USAGE-RESERVED) for a verb that is reserved for a later version.
    """
    words = _split(argv)
    verb, has_verb, rest = "connect", False, tuple(argv)
    places = words.places
    if places and argv[places[0]] in (*VERB_NAMES, *RESERVED):
        verb, has_verb = argv[places[0]], True
        rest = (*argv[: places[0]], *argv[places[0] + 1 :])
        places = places[1:]
    if verb in RESERVED:
        raise _reserved(verb)
    return Scan(
        verb=verb,
        has_verb=has_verb,
        rest=rest,
        host=argv[places[0]] if places else None,
        is_plain=words.is_plain and len(places) <= 1,
        wants_help=words.wants_help,
        wants_version=words.wants_version,
        values=tuple(words.values),
    )


@dataclass
class _Words:
    places: list[int]  # of the words that are neither options nor their values
    is_plain: bool = True
    wants_help: bool = False
    wants_version: bool = False
    values: list[tuple[Option, str | None]] = field(default_factory=list)


def _split(argv: Sequence[str]) -> _Words:
    found = _Words([])
    place = 0
    while place < len(argv):
        word = argv[place]
        if word == "--":
            found.places += range(place + 1, len(argv))
            break
        if word.startswith("-") and word != "-":
            place += _read_option(word, found, argv[place + 1 : place + 2])
        else:
            found.places.append(place)
        place += 1
    return found


def _read_option(word: str, found: _Words, following: Sequence[str]) -> int:
    """Note one option; return how many words it takes beside its own."""
    flag, value = _split_flag(word)
    found.wants_help |= word in _HELP_FLAGS
    found.wants_version |= word == "--version"
    option = _BY_FLAG.get(flag)
    if option is None:
        found.is_plain &= word.startswith("-v") and not word.strip("-v")
        return 0
    takes = option.takes_value and value is None
    found.is_plain &= not takes or bool(following)
    found.values.append((option, following[0] if takes and following else value))
    return int(takes)


def _split_flag(word: str) -> tuple[str, str | None]:
    """Return flag and value of "--link=quic" or "-p2222", None where no value is joined to it."""
    option = _BY_FLAG.get(word[:2])
    if option is not None and option.takes_value and word[2:]:
        return word[:2], word[2:]
    flag, equals, value = word.partition("=")
    return flag, value if equals else None


def _reserved(verb: str) -> UsageError:
    return UsageError(
        f"{verb} is reserved for a later version of port-linker",
        f"port-linker connect {verb}, if a machine of that name is meant",
        "PL-USAGE-RESERVED",
    )
