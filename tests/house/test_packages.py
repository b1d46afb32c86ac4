"""A package tells what is in it, and the rooms of the screen know each other one way only."""

from __future__ import annotations

import ast
import os
import re

import pytest

from tests.house.source import PACKAGE, SRC, Module, modules

TOLD = ("ui", "ui/text", "ui/table")  # packages whose docstring names each file and folder
NEVER = [("session", "ui"), ("ui/text", "ui/table")]  # (importer, imported), for types neither


def named(module: Module) -> set[str]:
    """Return what a package docstring names in back quotes."""
    return set(re.findall(r"`(\w+)`", ast.get_docstring(module.tree) or ""))


def all_imports(module: Module) -> set[str]:
    """Return what a file imports, for types alone too."""
    found = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("package", TOLD)
def test_the_docstring_of_a_package_names_what_is_in_it(package: str) -> None:
    names = {name.removesuffix(".py") for name in os.listdir(os.path.join(SRC, package))}
    there = {name for name in names if not name.startswith("_")}
    told = named(modules()[f"{PACKAGE}.{package.replace('/', '.')}"])
    assert told == there, f"the docstring of {package} names other files than are there"


@pytest.mark.parametrize(("importer", "imported"), NEVER)
def test_some_rooms_never_import_each_other(importer: str, imported: str) -> None:
    prefix = f"{PACKAGE}.{imported.replace('/', '.')}"
    wrong = [
        f"{module.short} imports {name}"
        for module in modules().values()
        if module.short.startswith(f"{importer}/")
        for name in all_imports(module)
        if name == prefix or name.startswith(f"{prefix}.")
    ]
    assert not wrong, "\n".join(sorted(wrong))
