"""The completion scripts work in their shells."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from port_linker.cli.scripts import build_script
from port_linker.cli.verbs import SHELLS

HERE = [shell for shell in SHELLS if shutil.which(shell)]
SSH_CONFIG = "Host dev1 *.example !not\n  User me\nhost dev2\nHost $(touch$IFS/tmp/owned)\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text(SSH_CONFIG)
    for shell in SHELLS:
        (tmp_path / f"script.{shell}").write_text(build_script(shell))
    return tmp_path


def run(home: Path, shell: str, text: str) -> list[str]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [shell, "-c", text], env=environ, cwd=home, capture_output=True, text=True, timeout=30
    )
    assert done.stderr == ""
    return done.stdout.split()


def complete_bash(home: Path, *words: str) -> list[str]:
    typed = " ".join(f"'{word}'" for word in ("port-linker", *words))
    return run(
        home,
        "bash",
        f"source ./script.bash; COMP_WORDS=({typed}); COMP_CWORD={len(words)};"
        ' _port_linker; printf "%s\\n" "${COMPREPLY[@]}"',
    )


@pytest.mark.parametrize("shell", HERE)
def test_the_script_is_valid(home: Path, shell: str) -> None:
    assert run(home, shell, f"{shell} -n ./script.{shell}") == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["de"], ["demo", "dev1", "dev2"]),
        (["connect", "de"], ["dev1", "dev2"]),
        (["doctor", "dev1", "--ta"], ["--target-python"]),
        (["demo", "--on"], ["--once"]),
        (["--on"], ["--only", "--on-conflict"]),
        (["--only", "80", "dev1", "--pl"], ["--plain"]),
        (["dev1", "--on-conflict", "r"], ["remap"]),
        (["dev1", "--lease", ""], []),
        (["dev1", "--log-file", "script.b"], ["script.bash"]),
        (["completion", "f"], ["fish"]),
        (["help", "sch"], ["schema"]),
    ],
)
def test_bash_completes(home: Path, words: list[str], expected: list[str]) -> None:
    assert complete_bash(home, *words) == expected


@pytest.mark.skipif("fish" not in HERE, reason="fish is not installed")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("port-linker de", {"demo", "dev1", "dev2"}),
        ("port-linker connect dev", {"dev1", "dev2"}),
        ("port-linker demo --on", {"--once"}),
        ("port-linker dev1 --on-conflict r", {"remap"}),
        ("port-linker dev1 --max", {"--max-services"}),
        ("port-linker completion z", {"zsh"}),
    ],
)
def test_fish_completes(home: Path, line: str, expected: set[str]) -> None:
    found = run(home, "fish", f"source ./script.fish; complete -C '{line}' | string split -f1 \\t")
    assert set(found) == expected


def test_an_odd_name_in_the_ssh_configuration_is_left_out(home: Path) -> None:
    assert not {word for word in complete_bash(home, "") if "$" in word or "*" in word}
