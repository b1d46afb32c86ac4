"""The words of the command that reaches a target."""

from __future__ import annotations

import pytest

from port_linker.errors import UsageError
from port_linker.ssh.command import needs_own_group, parse_ssh_version, plan_command
from port_linker.ssh.target import parse_target

DEV = parse_target("ann@dev1")


def options(words: tuple[str, ...]) -> list[str]:
    return [words[at + 1] for at, word in enumerate(words) if word == "-o"]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19 27 Jan 2026\n", (9, 2)),
        ("OpenSSH_10.0p2, LibreSSL 4.0.0", (10, 0)),
        ("OpenSSH_for_Windows_8.6p1, LibreSSL 3.4.3", (8, 6)),
        ("Dropbear v2022.83", None),
        ("", None),
    ],
)
def test_the_version_is_read(text: str, version: tuple[int, int] | None) -> None:
    assert parse_ssh_version(text) == version


def test_ssh_runs_a_shell_and_nothing_of_the_users_forwards() -> None:
    words = plan_command(DEV, (9, 2))
    assert words[:2] == ("ssh", "-T")
    assert words[-4:] == ("--", "ann@dev1", "exec", "sh")
    assert options(words) == [
        "ClearAllForwardings=yes",
        "RequestTTY=no",
        "ControlMaster=no",
        "RemoteCommand=none",
        "ForkAfterAuthentication=no",
        "SessionType=default",
        "StdinNull=no",
        "ConnectTimeout=20",
    ]


@pytest.mark.parametrize(
    ("version", "known", "unknown"),
    [
        ((7, 4), "RequestTTY=no", "RemoteCommand=none"),
        ((8, 6), "RemoteCommand=none", "ForkAfterAuthentication=no"),
        (None, "RemoteCommand=none", "SessionType=default"),
        ((10, 0), "StdinNull=no", ""),
    ],
)
def test_an_old_ssh_is_not_given_options_that_it_refuses(
    version: tuple[int, int] | None, known: str, unknown: str
) -> None:
    given = options(plan_command(DEV, version))
    assert known in given
    assert unknown not in given


def test_unattended_nobody_is_asked_and_no_shared_connection_is_trusted() -> None:
    given = options(plan_command(DEV, (9, 2), unattended=True))
    assert "BatchMode=yes" in given
    assert "ControlPath=none" in given
    assert given[-1] == "ConnectTimeout=6"


def test_the_users_options_stand_before_defaults_and_behind_what_must_hold() -> None:
    """ssh takes the first value of each option."""
    given = options(plan_command(DEV, (9, 2), ("ConnectTimeout=3", "ClearAllForwardings no")))
    assert given.index("ConnectTimeout=3") < given.index("ConnectTimeout=20")
    assert given.index("ClearAllForwardings=yes") < given.index("ClearAllForwardings no")


@pytest.mark.parametrize("option", ["-v", "-oPort=1", "Port", "", "=x", "Port="])
def test_an_option_that_is_no_line_of_ssh_config_is_refused(option: str) -> None:
    with pytest.raises(UsageError):
        plan_command(DEV, (9, 2), (option,))


def test_docker_and_exec_need_no_ssh() -> None:
    assert plan_command(parse_target("docker:web")) == ("docker", "exec", "-i", "web", "sh")
    assert plan_command(parse_target("exec:nsenter -t 5 sh")) == ("nsenter", "-t", "5", "sh")


@pytest.mark.parametrize(
    ("words", "own"),
    [
        (("docker", "exec", "-i", "web", "sh"), True),
        (("/usr/bin/podman", "exec"), True),
        (("ssh", "-T"), False),
        (("sudo", "docker", "exec"), False),
    ],
)
def test_who_does_not_ignore_ctrl_c_stands_aside(words: tuple[str, ...], own: bool) -> None:
    assert needs_own_group(words) is own


def test_flags_of_ssh_are_handed_over_behind_what_must_hold() -> None:
    target = parse_target("ssh://me@dev1:22", ("-p2222", "-Jbastion"))
    words = plan_command(target, (9, 2), ("Ciphers=x",), unattended=True)
    assert words[-6:] == ("-p2222", "-Jbastion", "--", "ssh://me@dev1:22", "exec", "sh")
    assert words.index("ClearAllForwardings=yes") < words.index("-p2222")
