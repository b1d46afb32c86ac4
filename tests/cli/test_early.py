"""A plain line is read without the parser, and means what the parser reads in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.cli.args import Settings
from port_linker.cli.early import PARSED, read_settings
from port_linker.cli.fast import scan_words
from port_linker.cli.option import Option
from port_linker.cli.options import OPTIONS, options_of
from port_linker.cli.parser import parse_words
from port_linker.errors import UsageError


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("dev1", Settings("connect", "dev1")),
        ("doctor dev1 -p2222", Settings("doctor", "dev1", ssh_port="2222")),
        ("dev1 -i a -i b", Settings("connect", "dev1", ssh_identity=("a", "b"))),
        ("--only 80 --only=90 x", Settings("connect", "x", only=("80", "90"))),
        ("demo --once", Settings("demo", once=True)),
        ("dev1 --lease 60", Settings("connect", "dev1", lease=60)),
    ],
)
def test_a_plain_line(line: str, settings: Settings) -> None:
    assert read_settings(scan_words(line.split()), {}) == settings


@pytest.mark.parametrize(
    "line",
    [
        "connect",
        "dev1 dev2",
        "dev1 --bogus",
        "dev1 --link ftp",
        "dev1 --once",
        "dev1 --lease x",
        "dev1 --json=1",
        "dev1 -v",
        "completion bash",
        "dev1 --link quic --link stdio",
        "dev1 --only -x",
    ],
)
def test_the_parser_judges_the_others(line: str) -> None:
    assert read_settings(scan_words(line.split()), {}) is None


def test_the_parser_reads_the_environment() -> None:
    assert read_settings(scan_words(["dev1"]), {"PORT_LINKER_ONLY": "80"}) is None


def spell(option: Option, text: str) -> st.SearchStrategy[list[str]]:
    if not option.takes_value:
        return st.sampled_from([[flag] for flag in option.flags])
    ways = [[flag, text] for flag in option.flags] + [[f"{option.flag}={text}"]]
    return st.sampled_from(ways + ([[option.short + text]] if option.short else []))


@given(st.data())
def test_what_is_read_early_is_what_the_parser_reads(data: st.DataObject) -> None:
    verb = data.draw(st.sampled_from(PARSED))
    words = [] if verb == "demo" else ["dev1"]
    for option in data.draw(st.lists(st.sampled_from(options_of(verb)), max_size=4)):
        text = data.draw(st.sampled_from([*option.choices, "7", "80,90", "a=b", "", " ", "-x"]))
        words += data.draw(spell(option, text))
    scan = scan_words([verb, *words])
    early = read_settings(scan, {})
    if early is not None:
        assert early == parse_words(scan.verb, scan.rest)


def test_every_option_of_ssh_reaches_both(monkeypatch: pytest.MonkeyPatch) -> None:
    for option in OPTIONS:
        monkeypatch.delenv(option.env, raising=False)
    words = ["-p", "22", "-l", "me", "-J", "a,b", "-i", "k", "-F", "f", "-o", "X=y"]
    early = read_settings(scan_words(["dev1", *words]), {})
    assert early == parse_words("connect", ["dev1", *words])
    assert early is not None
    assert early.ssh_flags == ("-Ff", "-p22", "-lme", "-Ja,b", "-ik")
    assert early.ssh_option == ("X=y",)
    with pytest.raises(UsageError):
        parse_words("connect", ["dev1", "-p"])
