"""Mistakes are told before anything begins, with what was probably meant."""

from __future__ import annotations

import pytest

from port_linker.cli.args import Settings
from port_linker.cli.usage import check_usage, explain_extra_words
from port_linker.errors import UsageError


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings("connect", "dev1", only=("99999",)), "99999"),
        (Settings("connect", "dev1", map=("80",)), "REMOTE:LOCAL"),
        (Settings("connect", "dev1", udp_port="x"), "--udp-port"),
        (Settings("connect", "dev1", lease=1), "--lease"),
        (Settings("connect", "dev1", outage_wait=-1), "--outage-wait"),
        (Settings("connect", "dev1", outage_wait=4000), "--outage-wait"),
        (Settings("connect", "-dev1"), "begins with '-'"),
        (Settings("doctor", "dev1", ssh_option=("bad",)), "--ssh-option"),
        (Settings("doctor", "dev1", ssh_port="70000"), "-p takes a port"),
        (Settings("doctor", "dev1", ssh_port="9" * 9999), "-p takes a port"),
        (Settings("doctor", "dev1", ssh_jump=""), "empty value"),
        (Settings("doctor"), "needs a HOST"),
    ],
)
def test_what_cannot_be_meant(settings: Settings, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_usage(settings)


def test_what_can_be_meant() -> None:
    check_usage(Settings("connect", "ssh://me@dev1:22", only=("80", "x*"), ssh_port="22"))


@pytest.mark.parametrize(
    ("words", "extra", "message", "hint"),
    [
        (
            ["doctr", "tgt"],
            ["tgt"],
            "there is no verb doctr; did you mean doctor?",
            "port-linker doctor tgt",
        ),
        (
            ["exec:sleep", "100"],
            ["100"],
            "exec: takes its command as one word, and '100' stands outside of it",
            'quote it: port-linker "exec:sleep 100"',
        ),
        (["-4", "dev1"], ["dev1"], "unknown option -4", "-o AddressFamily=inet"),
        (["-9", "dev1"], ["dev1"], "unknown option -9", "port-linker connect --help"),
        (["a", "b"], ["b"], "more words than expected: b", "port-linker connect --help"),
    ],
)
def test_more_words_than_expected(
    words: list[str], extra: list[str], message: str, hint: str
) -> None:
    error = explain_extra_words("connect", words, extra)
    assert (error.message, error.hint) == (message, hint)
