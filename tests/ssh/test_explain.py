"""Exit status and last words become one clear error. The texts are what the programs print."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.errors import (
    AuthError,
    HostKeyError,
    PortLinkerError,
    TargetError,
    UnreachableError,
)
from port_linker.ssh.explain import explain_end, explain_login_timeout, explain_missing
from port_linker.ssh.target import parse_target

DEV = parse_target("dev1")
WEB = parse_target("docker:web")
EXEC = parse_target("exec:nsenter sh")


@pytest.mark.parametrize(
    ("line", "kind", "code"),
    [
        (
            "ssh: Could not resolve hostname dev1: Name or service not known",
            UnreachableError,
            "PL-SSH-RESOLVE",
        ),
        (
            "ssh: connect to host dev1 port 22: Connection refused",
            UnreachableError,
            "PL-SSH-REFUSED",
        ),
        (
            "ssh: connect to host dev1 port 22: Connection timed out",
            UnreachableError,
            "PL-SSH-TIMEOUT",
        ),
        ("Connection timed out during banner exchange", UnreachableError, "PL-SSH-TIMEOUT"),
        ("Timeout, server dev1 not responding.", UnreachableError, "PL-SSH-TIMEOUT"),
        (
            "ssh: connect to host dev1 port 22: No route to host",
            UnreachableError,
            "PL-SSH-UNREACHABLE",
        ),
        (
            "ssh: connect to host dev1 port 22: Network is unreachable",
            UnreachableError,
            "PL-SSH-UNREACHABLE",
        ),
        ("ann@dev1: Permission denied (publickey,password).", AuthError, "PL-SSH-AUTH"),
        (
            "Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures",
            AuthError,
            "PL-SSH-AUTH",
        ),
        ("Host key verification failed.", HostKeyError, "PL-SSH-HOST-KEY"),
        (
            "No ED25519 host key is known for dev1 and you have requested strict checking.",
            HostKeyError,
            "PL-SSH-HOST-KEY",
        ),
        (
            "command-line: line 0: Bad configuration option: frob",
            UnreachableError,
            "PL-SSH-CONFIG",
        ),
        ("Bad owner or permissions on /home/ann/.ssh/config", UnreachableError, "PL-SSH-CONFIG"),
        (
            "Unable to negotiate with 10.0.0.1 port 22: no matching host key type found.",
            UnreachableError,
            "PL-SSH-NEGOTIATE",
        ),
        (
            "mux_client_request_session: session request failed: Session open refused by peer",
            TargetError,
            "PL-TARGET-NO-SHELL",
        ),
        ("exec request failed on channel 0", TargetError, "PL-TARGET-NO-SHELL"),
        (
            "kex_exchange_identification: Connection closed by remote host",
            UnreachableError,
            "PL-SSH-CLOSED",
        ),
        ("client_loop: send disconnect: Broken pipe", UnreachableError, "PL-SSH-CLOSED"),
        ("something that nobody has seen before", UnreachableError, "PL-SSH-UNREACHABLE"),
    ],
)
def test_ssh_says_why(line: str, kind: type[PortLinkerError], code: str) -> None:
    error = explain_end(DEV, 255, ["Warning: noise", line])
    assert type(error) is kind
    assert error.code == code
    assert line in error.message
    assert error.hint


def test_a_changed_host_key_is_told_from_an_unknown_one() -> None:
    lines = [
        "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
        "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
        "Host key for dev1 has changed and you have requested strict checking.",
        "Host key verification failed.",
        "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
    ]
    error = explain_end(DEV, 255, lines)
    assert error.code == "PL-SSH-HOST-KEY-CHANGED"
    assert "Host key verification failed." in error.message  # not the frame around it


@pytest.mark.parametrize(
    ("status", "line"),
    [(1, "This account is currently not available."), (127, "exec: sh: not found"), (0, "")],
)
def test_a_login_without_a_shell_is_the_targets_fault(status: int, line: str) -> None:
    error = explain_end(DEV, status, [line])
    assert type(error) is TargetError
    assert error.code == "PL-TARGET-NO-SHELL"
    assert error.message.endswith(line or "(exit status 0)")


def test_the_target_cannot_pretend_that_ssh_failed() -> None:
    error = explain_end(DEV, 1, ["Host key verification failed."])
    assert type(error) is TargetError


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("Error response from daemon: No such container: web", "PL-DOCKER-NO-CONTAINER"),
        ("Error response from daemon: container 5f is not running", "PL-DOCKER-NOT-RUNNING"),
        (
            "Error response from daemon: Container web is paused, unpause first",
            "PL-DOCKER-NOT-RUNNING",
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///x",
            "PL-DOCKER-PERMISSION",
        ),
        (
            "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
            "PL-DOCKER-DAEMON",
        ),
        (
            'OCI runtime exec failed: exec failed: "sh": executable file not found in $PATH',
            "PL-TARGET-NO-SHELL",
        ),
        ("what is this", "PL-DOCKER-FAILED"),
    ],
)
def test_docker_says_why(line: str, code: str) -> None:
    error = explain_end(WEB, 1, [line])
    assert error.code == code
    assert "docker:web" in error.message or "Docker" in error.message


def test_a_command_that_ends_is_named() -> None:
    assert explain_end(EXEC, 1, []).code == "PL-EXEC-FAILED"
    assert explain_end(EXEC, 1, []).message.endswith("(exit status 1)")
    assert explain_end(EXEC, -9, []).message.endswith("(signal 9)")
    assert explain_end(EXEC, 127, ["not found"]).code == "PL-TARGET-NO-SHELL"


def test_a_missing_program_is_named() -> None:
    assert explain_missing(DEV, "ssh").code == "PL-SSH-MISSING"
    assert explain_missing(WEB, "docker").code == "PL-DOCKER-MISSING"
    assert explain_missing(EXEC, "frob\x1b").message == "frob\ufffd is not on this machine"


def test_silence_has_an_end() -> None:
    assert explain_login_timeout(DEV, 30).code == "PL-SSH-TIMEOUT"
    assert explain_login_timeout(WEB, 30).message == "docker:web gave no shell within 30 s"
    assert explain_login_timeout(WEB, 30).hint == "see whether docker exec -i NAME sh gives one"
    assert explain_login_timeout(EXEC, 30).hint == "see whether the command behind exec: gives one"


UNKNOWN = "Connection closed by UNKNOWN port 65535"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["ssh: Could not resolve hostname bastion: Name or service not known", UNKNOWN],
            (
                "no address was found for a machine on the way to dev1: ssh: Could not resolve"
                " hostname bastion: Name or service not known"
            ),
        ),
        (
            ["me@bastion: Permission denied (publickey).", UNKNOWN],
            (
                "a machine on the way to dev1 refused the login:"
                " me@bastion: Permission denied (publickey)."
            ),
        ),
        (
            [
                "channel 0: open failed: connect failed: Connection refused",
                "stdio forwarding failed",
                UNKNOWN,
            ],
            (
                "dev1 answers, but no ssh server takes the connection: channel 0: open failed:"
                " connect failed: Connection refused"
            ),
        ),
        (
            ["kex_exchange_identification: Connection closed by remote host", UNKNOWN],
            f"dev1 closed the connection before a command could run: {UNKNOWN}",
        ),
    ],
)
def test_a_jump_host_that_fails_is_told_from_the_target(lines: list[str], message: str) -> None:
    assert explain_end(DEV, 255, lines).message == message


@given(st.integers(-64, 255), st.lists(st.text(max_size=400), max_size=5))
def test_any_end_gives_one_clean_sentence(status: int, lines: list[str]) -> None:
    for target in (DEV, WEB, EXEC):
        error = explain_end(target, status, lines)
        assert isinstance(error, PortLinkerError)
        assert "\n" not in error.message
        assert "\x1b" not in error.message
        assert len(error.message) < 400
        assert error.code.startswith("PL-")


@pytest.mark.parametrize(
    ("host", "hint"),
    [
        ("tgt:22", "for port 22 write ssh://tgt:22, or -p 22 tgt"),
        ("ann@tgt:22", "for port 22 write ssh://ann@tgt:22, or -p 22 ann@tgt"),
        ("tgt", "check the spelling, and that the network or VPN that knows this name is up"),
        ("fe80::1", "check the spelling, and that the network or VPN that knows this name is up"),
    ],
)
def test_a_port_behind_the_name_is_not_how_ssh_reads_it(host: str, hint: str) -> None:
    said = f"ssh: Could not resolve hostname {host}: Name or service not known"
    assert explain_end(parse_target(host), 255, [said]).hint == hint


def test_the_command_to_try_carries_the_options_of_ssh() -> None:
    target = parse_target("dev1", ("-p2222",))
    error = explain_end(target, 255, ["me@dev1: Permission denied (publickey)."])
    assert error.hint is not None
    assert "ssh -p 2222 dev1 lets you in" in error.hint
