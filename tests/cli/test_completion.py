"""The scripts as they are printed."""

from __future__ import annotations

import pytest

from port_linker.cli.completion import read_script
from port_linker.cli.scripts import build_script
from port_linker.cli.verbs import SHELLS
from port_linker.errors import UsageError


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shipped_script_is_printed(shell: str) -> None:
    assert read_script(shell) == build_script(shell)


@pytest.mark.parametrize(("shell", "message"), [(None, "needs the name"), ("csh", "for csh")])
def test_other_shells(shell: str | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_script(shell)
