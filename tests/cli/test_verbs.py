"""The verbs, those of later versions included."""

from __future__ import annotations

from port_linker.cli import verbs


def test_the_verbs_of_later_versions_are_reserved() -> None:
    assert not set(verbs.RESERVED) & set(verbs.VERB_NAMES)
    agreed = (
        "connect demo doctor status wait stop attach logs events explain ports open run ssh"
        " service web mcp config completion schema version help reconnect"
        " pressure tune history incidents deployments decisions trace agent seccomp mount fetch"
    )
    assert set(verbs.RESERVED) | set(verbs.VERB_NAMES) == set(agreed.split())


def test_verbs_with_a_word_explain_it_or_list_it() -> None:
    for verb in verbs.VERBS:
        assert verb.help.endswith(".")
        assert not verb.argument_help or verb.argument == "HOST"
        assert bool(verb.choices) is (verb.argument in ("SHELL", "WHAT"))
