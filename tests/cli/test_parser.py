"""The parser reads every option, from the command line and the environment."""

from __future__ import annotations

import pytest

from port_linker.cli.args import Settings
from port_linker.cli.option import Kind, Option
from port_linker.cli.options import OPTIONS
from port_linker.cli.parser import parse_words, print_help
from port_linker.cli.verbs import VERBS
from port_linker.errors import UsageError


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for option in OPTIONS:
        monkeypatch.delenv(option.env, raising=False)


def sample(option: Option) -> tuple[str, object]:
    """Return a word for the option and what it becomes."""
    if option.choices:
        return option.choices[-1], option.choices[-1]
    samples: dict[Kind, tuple[str, object]] = {
        Kind.FLAG: ("1", True),
        Kind.COUNT: ("1", 1),
        Kind.TEXT: ("a=b", "a=b"),
        Kind.NUMBER: ("17", 17),
        Kind.WORDS: ("80,90", ("80,90",)),
    }
    return samples[option.kind]


CASES = [(option, verb) for option in OPTIONS for verb in option.verbs]


@pytest.mark.parametrize(("option", "verb"), CASES, ids=lambda case: getattr(case, "name", case))
def test_every_option_is_read_in_every_spelling(option: Option, verb: str) -> None:
    word, value = sample(option)
    for flag in option.flags:
        words = [flag, word] if option.takes_value else [flag]
        assert getattr(parse_words(verb, words), option.name) == value


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_is_read_from_the_environment(
    option: Option, monkeypatch: pytest.MonkeyPatch
) -> None:
    word, value = sample(option)
    monkeypatch.setenv(option.env, word)
    assert getattr(parse_words(option.verbs[0], []), option.name) == value


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT_LINKER_ON_CONFLICT", "kill")
    assert parse_words("connect", ["x", "--on-conflict", "remap"]).on_conflict == "remap"


def test_each_line_of_a_variable_is_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT_LINKER_SSH_OPTION", "ProxyJump=a,b\nCiphers=x y\n")
    assert parse_words("connect", []).ssh_option == ("ProxyJump=a,b", "Ciphers=x y")


def test_a_variable_that_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT_LINKER_VERBOSE", "loud")
    with pytest.raises(UsageError, match="PORT_LINKER_VERBOSE is not a number"):
        parse_words("connect", ["dev1"])


def test_defaults_are_those_of_the_settings() -> None:
    assert parse_words("connect", ["dev1"]) == Settings("connect", "dev1")
    assert parse_words("demo", []) == Settings("demo")


def test_repeated_options_add_up() -> None:
    read = parse_words("connect", ["dev1", "--only", "80", "-vv", "--only=x*", "-v"])
    assert (read.only, read.verbose) == (("80", "x*"), 3)


@pytest.mark.parametrize(
    ("verb", "words", "message"),
    [
        ("connect", ["--bogus"], "Unknown option"),
        ("connect", ["a", "b"], "more words than expected: b"),
        ("connect", ["--only"], "requires an argument"),
        ("connect", ["--max-services", "x"], "--max-services"),
        ("connect", ["--on-conflict", "zap"], "--on-conflict"),
        ("connect", ["-dev1"], "Unknown option"),
        ("demo", ["dev1"], "more words than expected: dev1"),
        ("completion", ["tcsh"], "tcsh"),
    ],
)
def test_mistakes_are_one_sentence_with_a_hint(verb: str, words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_words(verb, words)
    assert "\n" not in caught.value.message
    assert caught.value.hint == f"port-linker {verb} --help"


def test_help_names_all_verbs_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    print_help(None)
    text = capsys.readouterr().out
    for verb in VERBS:
        assert verb.name in text
    for option in OPTIONS:
        assert option.flag in text or "connect" not in option.verbs


def test_help_of_one_verb(capsys: pytest.CaptureFixture[str]) -> None:
    print_help("demo")
    text = capsys.readouterr().out
    assert "--once" in text
    assert "--only" not in text
