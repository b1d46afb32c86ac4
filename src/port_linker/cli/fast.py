"""What is known of a command line without the parser, in microseconds. Pure.

It serves three ends: `--version` without heavy imports, a word on the screen before them, and a
clear answer for verbs that are reserved. Whatever is not plain it leaves to the parser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    there is at most one word.
    """

    verb: str
    has_verb: bool
    rest: tuple[str, ...]
    host: str | None
    is_plain: bool
    wants_help: bool
    wants_version: bool
    wants_json: bool


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
        wants_json=words.wants_json,
    )


@dataclass
class _Words:
    places: list[int]  # of the words that are neither options nor their values
    is_plain: bool = True
    wants_help: bool = False
    wants_version: bool = False
    wants_json: bool = False


def _split(argv: Sequence[str]) -> _Words:
    found = _Words([])
    place = 0
    while place < len(argv):
        word = argv[place]
        if word == "--":
            found.places += range(place + 1, len(argv))
            break
        if word.startswith("-") and word != "-":
            place += _read_option(word, found, place + 1 < len(argv))
        else:
            found.places.append(place)
        place += 1
    return found


def _read_option(word: str, found: _Words, has_next: bool) -> int:
    """Note one option; return how many words it takes beside its own."""
    flag, equals, _ = word.partition("=")
    found.wants_help |= word in _HELP_FLAGS
    found.wants_version |= word == "--version"
    found.wants_json |= word == "--json"
    option = _BY_FLAG.get(flag)
    if option is None:
        found.is_plain &= word.startswith("-v") and not word.strip("-v")
        return 0
    takes = _takes_next(option, bool(equals))
    found.is_plain &= not takes or has_next
    return int(takes)


def _takes_next(option: Option, has_equals: bool) -> bool:
    return option.takes_value and not has_equals


def _reserved(verb: str) -> UsageError:
    return UsageError(
        f"{verb} is reserved for a later version of port-linker",
        f"port-linker connect {verb}, if a machine of that name is meant",
        "PL-USAGE-RESERVED",
    )
