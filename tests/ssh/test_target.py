"""HOST as typed becomes a Target."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.errors import UsageError
from port_linker.ssh.target import DISPLAY_CHARS, Target, TargetKind, parse_target


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("dev1", TargetKind.SSH, ("dev1",)),
        ("ann@dev1", TargetKind.SSH, ("ann@dev1",)),
        ("ann@corp@dev1", TargetKind.SSH, ("ann@corp@dev1",)),
        ("ssh://ann@dev1:2222", TargetKind.SSH, ("ssh://ann@dev1:2222",)),
        ("::1", TargetKind.SSH, ("::1",)),
        ("docker:web", TargetKind.DOCKER, ("web",)),
        ("exec:sh", TargetKind.EXEC, ("sh",)),
        (
            "exec:docker exec -i 'my web' sh",
            TargetKind.EXEC,
            ("docker", "exec", "-i", "my web", "sh"),
        ),
        ("exec:echo $HOME; ls", TargetKind.EXEC, ("echo", "$HOME;", "ls")),
    ],
)
def test_a_host_is_read_as_meant(text: str, kind: TargetKind, words: tuple[str, ...]) -> None:
    assert parse_target(text) == Target(kind, words)


def test_flags_of_ssh_name_another_place_but_a_key_does_not() -> None:
    plain = parse_target("dev1")
    there = parse_target("dev1", ("-p2222", "-i/my keys/a"))
    assert there.flags == ("-p2222", "-i/my keys/a")
    assert there.typed == "-p 2222 -i '/my keys/a' dev1"
    assert (plain.typed, there.display) == ("dev1", "dev1")
    assert there.key not in (plain.key, parse_target("dev1", ("-p2223",)).key)
    assert there.key == parse_target("dev1", ("-p2222",)).key
    assert parse_target("docker:web", ("-p1",)) == parse_target("docker:web")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "-oProxyCommand=x",
        "-oProxyCommand=x@dev1",
        "ann@-dev1",
        "@dev1",
        "ann@",
        "ssh://",
        "ssh://-oProxyCommand=x",
        "dev 1",
        "dev\n1",
        "dev\x1b[31m",
        "dev\udc80",
        "docker:",
        "docker:-it",
        "docker:a b",
        "exec:",
        "exec:''",
        "exec:sh 'open",
        "x" * 2000,
    ],
)
def test_what_ssh_or_docker_would_misread_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_target(text)
    assert caught.value.hint


def test_names_are_short_and_say_the_way() -> None:
    assert str(parse_target("ann@dev1")) == "ann@dev1"
    assert parse_target("docker:web").display == "docker:web"
    assert parse_target("exec:a 'b c'").display == "exec:a 'b c'"
    long = parse_target("exec:podman exec -i " + "x" * 100)
    assert len(long.display) == DISPLAY_CHARS
    assert long.display.endswith("…")


def test_keys_tell_targets_apart_and_stay() -> None:
    keys = [parse_target(text).key for text in ("dev1", "docker:dev1", "exec:dev1", "Dev1")]
    assert len(set(keys)) == len(keys)
    assert parse_target("dev1").key == "dev1-f04129152efd"
    assert parse_target("exec:'ö'").key.startswith("exec")


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_a_usage_error(text: str) -> None:
    try:
        target = parse_target(text)
    except UsageError:
        return
    assert target.words
    assert set(target.key) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
    )
    assert len(target.key) <= 45
    if target.kind is not TargetKind.EXEC:
        assert not target.words[0].startswith("-")
