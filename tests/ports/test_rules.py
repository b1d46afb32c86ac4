"""What a person may write, and what each word means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.errors import UsageError
from port_linker.model import Proto
from port_linker.ports.rules import (
    AddressRule,
    PortMap,
    PortRule,
    ProcessRule,
    find_map,
    find_rule,
    names_port,
    parse_maps,
    parse_rules,
    plain_host,
)
from tests.ports.kit import service


@pytest.mark.parametrize(
    ("word", "rule"),
    [
        ("8080", PortRule(8080, 8080, None, "8080")),
        ("8080/udp", PortRule(8080, 8080, Proto.UDP, "8080/udp")),
        ("3000-3999/tcp", PortRule(3000, 3999, Proto.TCP, "3000-3999/tcp")),
        ("10.0.0.5:80", AddressRule("10.0.0.5", 80, None, "10.0.0.5:80")),
        ("[::1]:80/tcp", AddressRule("::1", 80, Proto.TCP, "[::1]:80/tcp")),
        ("[0:0::1]:80", AddressRule("::1", 80, None, "[0:0::1]:80")),
        ("[::ffff:127.0.0.1]:80", AddressRule("127.0.0.1", 80, None, "[::ffff:127.0.0.1]:80")),
        ("postgres*", ProcessRule("postgres*", "postgres*")),
    ],
)
def test_a_word_becomes_a_rule(word: str, rule: object) -> None:
    assert parse_rules([word], "--only") == (rule,)


def test_commas_and_repetition_mean_the_same() -> None:
    assert parse_rules(["80, 443", "nginx"], "--only") == parse_rules(["80,443,nginx"], "--only")


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("", "is empty"),
        ("80,,81", "is empty"),
        ("0", "no port or range"),
        ("65536", "no port or range"),
        ("80-", "no port or range"),
        ("1-2-3", "no port or range"),
        ("90-80", "80-90 was meant"),
        ("80/sctp", "neither /tcp nor /udp"),
        ("80/", "neither /tcp nor /udp"),
        ("nginx/tcp", "protocol to a process name"),
        ("dev1:80", "no IP address"),
        ("::1:80", "no IP address"),
        ("1.2.3.4:0", "no IP address"),
        ("1.2.3.4:99999", "no IP address"),
    ],
)
def test_a_wrong_word_is_named(word: str, fault: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_rules([word], "--skip")
    assert caught.value.message.startswith("--skip: ")
    assert fault in caught.value.message
    assert caught.value.code == "PL-USAGE-RULE"
    assert caught.value.hint is not None
    assert "PORT-PORT" in caught.value.hint


@given(st.text(max_size=30))
def test_any_word_parses_or_is_refused_by_name(word: str) -> None:
    try:
        rules = parse_rules([word], "--only")
    except UsageError:
        return
    assert all(rule.word == rule.word.strip() for rule in rules)


@pytest.mark.parametrize(
    ("word", "key", "more", "matches"),
    [
        ("80", "10.0.0.5:80", {}, True),
        ("80/udp", "10.0.0.5:80", {}, False),
        ("80-90", "tcp/[::]:90", {}, True),
        ("80-90", "tcp/[::]:91", {}, False),
        ("127.0.0.1:80", "0.0.0.0:80", {}, False),
        ("127.0.0.1:80", "tcp/[::ffff:127.0.0.1]:80", {}, True),
        ("127.0.0.1:80", "127.0.0.1:81", {}, False),
        ("node", "127.0.0.1:80", {"process": "node"}, True),
        ("node", "127.0.0.1:80", {"process": "nodemon"}, False),
        ("node*", "127.0.0.1:80", {"process": "nodemon"}, True),
        ("Node", "127.0.0.1:80", {"process": "node"}, False),
        ("web-1", "127.0.0.1:80", {"process": "docker-proxy", "container": "web-1"}, True),
        ("node", "127.0.0.1:80", {}, False),
        # Linux cuts a name at 15 characters; the command line has all of it.
        (
            "prometheus-node-exporter",
            "127.0.0.1:80",
            {"process": "prometheus-node", "command": "/usr/bin/prometheus-node-exporter --web"},
            True,
        ),
        ("gunicorn", "127.0.0.1:80", {"process": "python3", "command": "gunicorn app"}, False),
        ("gunicorn", "127.0.0.1:80", {"command": "/opt/gunicorn app"}, True),
    ],
)
def test_rules_match(word: str, key: str, more: dict[str, Any], matches: bool) -> None:
    rules = parse_rules([word], "--only")
    assert (find_rule(rules, service(key, **more)) is not None) is matches


def test_a_process_name_never_names_a_port() -> None:
    node = service("127.0.0.1:80", process="node")
    assert not names_port(parse_rules(["node"], "--only"), node)
    assert names_port(parse_rules(["node,70-90"], "--only"), node)
    assert names_port(parse_rules(["127.0.0.1:80"], "--only"), node)


def test_only_one_port_alone_is_exact() -> None:
    rules = parse_rules(["80,80-81,[::1]:80,node"], "--only")
    assert [rule.is_exact for rule in rules] == [True, False, True, False]


def test_maps_are_echoed_in_words() -> None:
    web, dns = parse_maps(["80:9080", "53:5300/udp"])
    assert web.describe() == "TCP port 80 of the target appears on port 9080 here"
    assert (web.word, dns.word) == ("80:9080", "53:5300/udp")
    assert find_map((web, dns), service("10.0.0.5:80").id) == PortMap(80, 9080, Proto.TCP)
    assert find_map((web, dns), service("udp/10.0.0.5:80").id) is None


@pytest.mark.parametrize(
    "word", ["80", "80:", ":80", "80:0", "a:b", "80:81/sctp", "80:81:82", "²:1"]
)
def test_a_wrong_map_is_named(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_maps([word])
    assert repr(word) in caught.value.message
    assert caught.value.code == "PL-USAGE-MAP"


@pytest.mark.parametrize("words", [["80:81", "80:82"], ["80:81,82:81"]])
def test_two_maps_must_not_collide(words: list[str]) -> None:
    with pytest.raises(UsageError, match="twice"):
        parse_maps(words)
    parse_maps(["80:81", "80:81/udp"])


def test_plain_host_leaves_other_addresses_alone() -> None:
    assert plain_host("::ffff:10.0.0.5") == "10.0.0.5"
    assert plain_host("::1") == "::1"
    assert plain_host("::ffff:0:0:1") == "::ffff:0:0:1"
