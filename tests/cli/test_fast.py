"""The first look at a command line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.cli.fast import scan_words
from port_linker.cli.options import OPTIONS
from port_linker.cli.verbs import RESERVED, VERB_NAMES
from port_linker.errors import UsageError


@pytest.mark.parametrize(
    ("line", "verb", "host", "rest", "is_plain"),
    [
        ("dev1", "connect", "dev1", "dev1", True),
        ("connect dev1", "connect", "dev1", "dev1", True),
        ("connect status", "connect", "status", "status", True),
        ("doctor", "doctor", None, "", True),
        ("--json doctor dev1 -v", "doctor", "dev1", "--json dev1 -v", True),
        ("-vv dev1 --only 80", "connect", "dev1", "-vv dev1 --only 80", True),
        ("--only 80 dev1", "connect", "dev1", "--only 80 dev1", True),
        ("--only=80 dev1", "connect", "dev1", "--only=80 dev1", True),
        ("--only", "connect", None, "--only", False),
        ("dev1 dev2", "connect", "dev1", "dev1 dev2", False),
        ("dev1 --bogus", "connect", "dev1", "dev1 --bogus", False),
        ("dev1 -p2222", "connect", "dev1", "dev1 -p2222", True),
        ("-p 2222 dev1", "connect", "dev1", "-p 2222 dev1", True),
        ("-J bastion doctor dev1", "doctor", "dev1", "-J bastion dev1", True),
        ("dev1 -vx", "connect", "dev1", "dev1 -vx", False),
        ("-- --odd", "connect", "--odd", "-- --odd", True),
        ("-", "connect", "-", "-", True),
        ("help doctor", "help", "doctor", "doctor", True),
        ("--only demo dev1", "connect", "dev1", "--only demo dev1", True),
    ],
)
def test_scan(line: str, verb: str, host: str | None, rest: str, is_plain: bool) -> None:
    scan = scan_words(line.split())
    assert (scan.verb, scan.host, scan.is_plain) == (verb, host, is_plain)
    assert scan.rest == tuple(rest.split())


def test_wishes() -> None:
    scan = scan_words(["--help", "--version", "--json"])
    assert (scan.wants_help, scan.wants_version) == (True, True)
    assert not scan.has_verb
    assert scan_words(["demo", "-h"]).has_verb


@pytest.mark.parametrize("verb", RESERVED)
def test_reserved_verbs_say_so_and_how_a_machine_of_that_name_is_meant(verb: str) -> None:
    with pytest.raises(UsageError, match=f"{verb} is reserved") as caught:
        scan_words([verb])
    assert caught.value.hint is not None
    assert caught.value.hint.startswith(f"port-linker connect {verb}")


flags = [flag for option in OPTIONS for flag in option.flags]
word = st.sampled_from([*flags, *VERB_NAMES, "--", "-", "--help", "x", "", "--json=1", "-vv"])


@given(st.lists(st.one_of(word, st.text(max_size=6)), max_size=8))
def test_any_words_are_scanned_and_none_is_lost(words: list[str]) -> None:
    try:
        scan = scan_words(words)
    except UsageError:
        return
    without_verb = len(words) - (1 if scan.has_verb else 0)
    assert len(scan.rest) == without_verb
    assert scan.host is None or scan.host in words
