"""The shell on the target, and one sentence where there is no target."""

from __future__ import annotations

import os
import subprocess

import pytest

from port_linker.demo import join
from port_linker.demo.leftovers import MARK
from tests.demo.kit import module


def test_it_becomes_a_shell_with_the_mark() -> None:
    done = subprocess.run(
        module("join", str(os.getpid()), "abc"),
        input=f"echo ${MARK} $$ $0; echo $SSH_CONNECTION",
        capture_output=True,
        text=True,
    )
    words, connection = done.stdout.splitlines()
    mark, pid, name = words.split()
    assert connection == "127.0.0.1 0 127.0.0.1 0"  # UDP takes the same way
    assert (mark, name) == ("abc", "sh")
    assert pid.isdecimal()


def test_a_target_that_is_gone_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert join.main([str(2**22 + 1), "abc"]) == 1
    said = capsys.readouterr().err
    assert said == "the demo's target cannot be entered: No such file or directory\n"
