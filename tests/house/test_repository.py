"""The repository has what a newcomer looks for, and nothing of the machine it was made on."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from port_linker import __version__
from tests.house.source import ROOT, tracked_files

TARGETS = ["help", "setup", "demo", "test", "test-fast", "lint", "bench", "fuzz", "docs"]
PAGES = [
    "README.md", "LICENSE", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "Makefile", ".ci/run",
    "docs/architecture.md", "docs/protocol.md", "docs/security.md", "docs/operations.md",
    "docs/events.schema.json",
]  # fmt: skip
PLACES = ("/wo" + "rk/", "/ro" + "ot/")  # of a machine, not of the project
BINARY = (".png", ".zip", ".whl", ".ico", ".bin")


def read(name: str) -> str:
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_there(name: str) -> None:
    assert os.path.getsize(os.path.join(ROOT, name)) > 100


@pytest.mark.parametrize("name", TARGETS)
def test_a_make_target_is_there(name: str) -> None:
    assert re.search(rf"^{name}:", read("Makefile"), re.MULTILINE)
    said = subprocess.run(["make", "-n", name], cwd=ROOT, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr


def test_the_changelog_tells_of_this_version() -> None:
    assert re.search(rf"^## .*{re.escape(__version__)}", read("CHANGELOG.md"), re.MULTILINE), (
        f"CHANGELOG.md has no entry for {__version__}"
    )


def test_the_licence_is_whole() -> None:
    text = read("LICENSE")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("name", [n for n in tracked_files() if n.startswith(("scripts/", ".ci/"))])
def test_scripts_can_be_run_and_parsed(name: str) -> None:
    path = os.path.join(ROOT, name)
    if name.endswith(".py"):
        return
    assert os.access(path, os.X_OK), f"{name} is not executable"
    shell = read(name).splitlines()[0].split("/")[-1].split()[-1]
    assert shell in ("bash", "sh"), f"{name} begins with neither bash nor sh"
    subprocess.run([shell, "-n", path], check=True)


def test_no_path_of_a_machine_and_no_conflict_marker() -> None:
    wrong = []
    for name in tracked_files():
        path = os.path.join(ROOT, name)
        if name.endswith(BINARY) or not os.path.isfile(path):
            continue
        with open(path, encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if any(place in line for place in PLACES):
                    wrong.append(f"{name}:{number} names a path of one machine")
                if line.startswith(("<<<<" + "<<<", ">>>>" + ">>>")):
                    wrong.append(f"{name}:{number} is a conflict marker")
    assert not wrong, "\n".join(wrong)


def test_every_error_code_has_its_place_in_the_documentation() -> None:
    """A code is a promise: `PL-BIND-IN-USE` in the source is a heading of docs/operations.md."""
    codes: set[str] = set()
    for name in tracked_files():
        if name.startswith("src/") and name.endswith((".py", ".sh")):
            codes.update(re.findall(r"[\"'](PL-[A-Z0-9-]*[A-Z0-9])[\"']", read(name)))
    page = read("docs/operations.md")
    missing = sorted(code for code in codes if not re.search(rf"{code}\b(?!-)", page))
    assert not missing, f"docs/operations.md does not explain {', '.join(missing)}"
