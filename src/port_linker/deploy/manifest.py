"""Which files the agent consists of: the closure of its imports. Pure.

A module goes to the target because something there imports it; nobody keeps a list by hand. What
stands under TYPE_CHECKING is not imported when the agent runs.
"""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Callable, Iterator

PACKAGE = "port_linker"
ROOT_MODULE = f"{PACKAGE}.agent.__main__"

PARSE_TRIES = 5

ReadModule = Callable[[str], str | None]


class ManifestError(Exception):
    """The agent imports what cannot go to the target: our bug, found by a test."""


def compute_closure(read_module: ReadModule, root: str = ROOT_MODULE) -> dict[str, str]:
    """Return the source text of every module of ours that root needs, packages included.

    read_module: returns a module's text by its dotted name (a package's: of its __init__), None
    if there is no such module.
    Raises ManifestError for a module that is missing, or neither ours nor the standard library's.
    """
    sources: dict[str, str] = {}
    waiting = [root]
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        text = read_module(name)
        if text is None:
            raise ManifestError(f"there is no module {name}")
        sources[name] = text
        waiting += _parents(name)
        for imported in find_imports(text, name):
            waiting += _resolve(imported, name, read_module)
    return sources


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _resolve(imported: tuple[str, str | None], by: str, read_module: ReadModule) -> list[str]:
    """Return the modules of ours that one import needs: (module, name taken from it)."""
    module, taken = imported
    top = module.partition(".")[0]
    if top != PACKAGE:
        if top not in sys.stdlib_module_names:
            raise ManifestError(f"{by} imports {module}, which targets do not have")
        return []
    if taken is not None and read_module(f"{module}.{taken}") is not None:
        return [module, f"{module}.{taken}"]
    return [module]


def find_imports(text: str, name: str) -> list[tuple[str, str | None]]:
    """Return what a module imports, wherever it does: (module, name taken from it or None).

    Raises ManifestError for an import relative to the package; house style has none.
    """
    found: list[tuple[str, str | None]] = []
    for statement in _walk_statements(parse_source(text, name).body):
        if isinstance(statement, ast.Import):
            found += [(alias.name, None) for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            if statement.level or statement.module is None:
                raise ManifestError(f"{name} has a relative import")
            found += [(statement.module, alias.name) for alias in statement.names]
    return found


def parse_source(
    text: str | bytes, name: str, version: tuple[int, int] | None = None
) -> ast.Module:
    """Parse, in the grammar of a version of Python; again where CPython tripped over itself.

    One counter of its serves every parse of the process, so one that comes in between (a thread's,
    or a finalizer's that formats a traceback) makes this one fail: SystemError "AST constructor
    recursion depth mismatch", seen with 3.11.7.
    """
    for _ in range(PARSE_TRIES - 1):
        with contextlib.suppress(SystemError):
            return ast.parse(text, name, feature_version=version)
    return ast.parse(text, name, feature_version=version)


def drop_docstrings(text: str, name: str) -> str:
    """Return a module's text with empty docstrings, each line still where it was.

    They are a quarter of the bundle and 0.7 MB of the agent's memory (2026-11), and it shows none.
    """
    lines = text.encode().splitlines(keepends=True)
    for node in ast.walk(parse_source(text, name)):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            _empty(lines, node.body[0])
    return b"".join(lines).decode()


def _empty(lines: list[bytes], string: ast.stmt) -> None:
    """Replace a statement that is a string, if nothing comes behind it on its last line."""
    first, last = string.lineno - 1, (string.end_lineno or string.lineno) - 1
    if not lines[last][string.end_col_offset :].strip():
        lines[first] = lines[first][: string.col_offset] + b'""\n'
        lines[first + 1 : last + 1] = [b"\n"] * (last - first)


def _walk_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements, nested ones too. Expressions hold no imports and are most of the tree."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If) and _is_type_checking(statement.test):
            yield from _walk_statements(statement.orelse)
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from _walk_statements(getattr(statement, field, []))
        for block in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            yield from _walk_statements(block.body)


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"
