"""Where ssh goes by itself; nothing is known where it goes through another machine."""

from __future__ import annotations

import pathlib

import pytest

from port_linker.ssh import direct
from port_linker.ssh.direct import direct_host, find_direct_addresses, read_ssh_config
from port_linker.ssh.target import parse_target

CONFIG = "host dev1\nuser me\nhostname 192.0.2.7\nport 22\nproxyjump none\nhostname ignored\n"


def test_the_first_value_counts() -> None:
    assert direct_host(read_ssh_config(CONFIG)) == "192.0.2.7"


@pytest.mark.parametrize("line", ["proxyjump bastion", "proxycommand nc %h %p"])
def test_through_another_machine_nothing_is_known(line: str) -> None:
    assert direct_host(read_ssh_config(f"{line}\nhostname 192.0.2.7\n")) is None


def test_without_an_answer_nothing_is_known() -> None:
    assert direct_host(read_ssh_config("")) is None


@pytest.fixture
def ssh(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Stand in for ssh on PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    path = tmp_path / "ssh"
    path.write_text('#!/bin/sh\necho "$@" >"$0.words"\necho "hostname 127.0.0.1"\n')
    path.chmod(0o755)
    return path


def read_words(ssh: pathlib.Path) -> str | None:
    path = ssh.with_suffix(".words")
    return path.read_text().strip() if path.exists() else None


async def test_ssh_is_asked_with_the_users_options(ssh: pathlib.Path) -> None:
    found = await find_direct_addresses(parse_target("dev1"), ("Port=2222",))
    assert found == ("127.0.0.1",)
    assert read_words(ssh) == "-G -o Port=2222 -- dev1"
    await find_direct_addresses(parse_target("dev1", ("-p2222",)), ())
    assert read_words(ssh) == "-G -p2222 -- dev1"


async def test_other_targets_have_no_address(ssh: pathlib.Path) -> None:
    assert await find_direct_addresses(parse_target("docker:web"), ()) == ()
    assert await find_direct_addresses(parse_target("docker:web"), (), ("::1",)) == ("::1",)
    assert read_words(ssh) is None


def write(path: pathlib.Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")


async def test_an_ssh_that_hangs_is_given_up(
    ssh: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(ssh, "exec sleep 60")
    monkeypatch.setattr(direct, "LIMIT_S", 0.1)
    assert await find_direct_addresses(parse_target("dev1"), ()) == ()


async def test_a_name_that_does_not_resolve_has_no_address(ssh: pathlib.Path) -> None:
    write(ssh, "echo 'hostname no such name'")
    assert await find_direct_addresses(parse_target("dev1"), ()) == ()


async def test_without_ssh_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert await find_direct_addresses(parse_target("dev1"), ()) == ()
