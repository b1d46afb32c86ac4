"""The source as the rules see it: files, modules, imports. No module of the program is run."""

from __future__ import annotations

import ast
import functools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from port_linker.deploy.manifest import parse_source
from tests.lab.shell import run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGE = "port_linker"
SRC = os.path.join(ROOT, "src", PACKAGE)


@dataclass(frozen=True)
class Import:
    """One imported name. late: inside a function, so it costs nothing at start."""

    name: str  # "asyncio", "port_linker.mux.frames"
    late: bool


class Module:
    """One file of src, parsed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.short = os.path.relpath(path, SRC)
        with open(path, encoding="utf-8") as file:
            self.text = file.read()
        self.tree = parse_source(self.text, self.path)
        self.name = module_name(path)
        self.room = self.short.split(os.sep)[0] if os.sep in self.short else ""

    @property
    def is_pure(self) -> bool:
        """Whether the file says of itself that it is pure."""
        return bool(re.search(r"\bPure\b", ast.get_docstring(self.tree) or ""))

    @functools.cached_property
    def imports(self) -> list[Import]:
        """What the file imports when it runs; imports for types alone are left out."""
        return list(self._walk(self.tree, late=False))

    def _walk(self, node: ast.AST, late: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from (Import(alias.name, late) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                yield from self._from(child, late)
            inner = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from self._walk(child, late or inner)

    def _from(self, node: ast.ImportFrom, late: bool) -> Iterator[Import]:
        base = node.module or ""
        for alias in node.names:
            full = f"{base}.{alias.name}"
            yield Import(full if full in all_names() else base, late)


def module_name(path: str) -> str:
    """Return "port_linker.mux.frames" for its file, "port_linker.mux" for the __init__."""
    relative = os.path.relpath(path, os.path.dirname(SRC))
    words = relative[: -len(".py")].split(os.sep)
    return ".".join(words[:-1] if words[-1] == "__init__" else words)


def python_files(*folders: str) -> list[str]:
    """Return the Python files below folders of the repository."""
    found = []
    for folder in folders:
        for place, _, names in os.walk(os.path.join(ROOT, folder)):
            found += [os.path.join(place, name) for name in names if name.endswith(".py")]
    return sorted(found)


@functools.cache
def all_names() -> frozenset[str]:
    """Return the names of all modules of src."""
    return frozenset(module_name(path) for path in python_files("src"))


@functools.cache
def modules() -> dict[str, Module]:
    """Return all modules of src by name."""
    return {module.name: module for module in map(Module, python_files("src"))}


def parents(name: str) -> Iterator[str]:
    """Yield the packages above a module; importing it runs their __init__ too."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def closure(*starts: str, late: bool) -> dict[str, str]:
    """Return what running these modules imports of src, each with the module that asks for it.

    late: follow imports inside functions too.
    """
    found: dict[str, str] = {}
    todo = [(start, "the start") for start in starts]
    while todo:
        name, asked_by = todo.pop()
        if name in found or name not in modules():
            continue
        found[name] = asked_by
        todo += [(parent, name) for parent in parents(name)]
        todo += [(each.name, name) for each in modules()[name].imports if late or not each.late]
    return found


def count_code(path: str) -> int:
    """Return the lines of code: no docstrings, comments, imports or empty lines."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    left_out: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Import, ast.ImportFrom)) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ):
            left_out.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return sum(
        number not in left_out and bool(line.strip()) and not line.lstrip().startswith("#")
        for number, line in enumerate(text.splitlines(), 1)
    )


def tracked_files() -> list[str]:
    """Return the files that git knows, relative to the root."""
    return run("git", "-C", ROOT, "ls-files", "-z").rstrip("\0").split("\0")
