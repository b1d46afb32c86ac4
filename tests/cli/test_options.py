"""The data that parser, help and documentation are made from."""

from __future__ import annotations

import dataclasses

from port_linker.cli import options, verbs
from port_linker.cli.args import Settings


def test_every_option_is_a_field_of_the_settings() -> None:
    fields = {field.name for field in dataclasses.fields(Settings)}
    assert {option.name for option in options.OPTIONS} == fields - {"verb", "word", "of"}


def test_no_flag_is_given_twice_and_each_stands_with_known_verbs() -> None:
    flags = [flag for option in options.OPTIONS for flag in option.flags]
    assert len(flags) == len(set(flags))
    for option in options.OPTIONS:
        assert set(option.verbs) <= set(verbs.VERB_NAMES)
        assert option.help.endswith(".")


def test_the_options_of_a_verb() -> None:
    assert [option.name for option in options.options_of("version")] == ["json"]
    assert "once" in [option.name for option in options.options_of("demo")]
    assert options.options_of("schema") == ()
