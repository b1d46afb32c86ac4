"""Commands are values; each one has somebody who carries it out."""

from __future__ import annotations

from typing import get_args

from port_linker.ports import commands
from tests.ports.kit import FakeHost


def test_every_command_is_carried_out_by_the_fake_host_too() -> None:
    for kind in get_args(commands.Command):
        assert hasattr(FakeHost, f"_do_{kind.__name__}")


def test_nobody_is_asked_without_a_choice() -> None:
    assert [kind.value for kind in commands.QuestionKind] == ["conflict", "ephemeral"]
