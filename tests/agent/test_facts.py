"""What the agent tells of its machine."""

from __future__ import annotations

import os
import platform

import pytest

from port_linker.agent import facts as facts_module
from port_linker.agent.facts import DEFAULT_EPHEMERAL, read_facts


def test_the_facts_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 5000 10.0.0.2 2222")
    facts = read_facts("procfs")
    assert (facts.uid, facts.pid, facts.source) == (os.getuid(), os.getpid(), "procfs")
    assert facts.python == platform.python_version()
    assert facts.netns == os.readlink("/proc/self/ns/net")
    assert len(facts.boot_id) == 36
    assert facts.ssh_port == 2222
    low, high = facts.ephemeral
    assert 1 <= low < high <= 65535


@pytest.mark.parametrize("connection", ["", "a b c", "10.0.0.1 5000 10.0.0.2 x"])
def test_without_ssh_there_is_no_port_of_it(
    connection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", connection)
    assert read_facts("procfs").ssh_port is None


def test_what_cannot_be_read_is_empty_or_the_kernels_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(facts_module, "open", refuse, raising=False)
    monkeypatch.setattr(os, "readlink", refuse)
    facts = read_facts("procfs")
    assert (facts.boot_id, facts.netns, facts.ephemeral) == ("", "", DEFAULT_EPHEMERAL)


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    assert read_facts("procfs").user == "4000000"
