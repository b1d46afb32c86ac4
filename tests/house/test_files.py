"""Files are small, each has its mirror test, and tests do not sleep."""

from __future__ import annotations

import ast
import os

from tests.house.source import ROOT, count_code, modules, python_files

LIMIT = 200
TEST_LIMIT = 300
LONGER: dict[str, tuple[int, str]] = {}  # path: (lines allowed, the reason)
NO_MIRROR: dict[str, str] = {}  # path below src/port_linker: the reason


def test_files_are_small() -> None:
    wrong = []
    for path in python_files("src", "tests", "bench"):
        relative = os.path.relpath(path, ROOT)
        is_test = os.path.basename(path).startswith("test_")
        limit = LONGER.get(relative, (TEST_LIMIT if is_test else LIMIT, ""))[0]
        lines = count_code(path)
        if lines > limit:
            wrong.append(f"{relative} has {lines} lines of code, {limit} are the limit")
    assert not wrong, "\n".join(wrong)


def test_every_file_has_its_mirror_test() -> None:
    wrong = []
    for module in modules().values():
        stem = os.path.basename(module.path).removesuffix(".py")
        if stem == "__init__" or module.short in NO_MIRROR or not has_logic(module.tree):
            continue
        name = f"test_{stem.strip('_')}.py"
        place = os.path.join("tests", os.path.dirname(module.short), name)
        if not os.path.exists(os.path.join(ROOT, place)):
            wrong.append(f"src/port_linker/{module.short} has no {place}")
    assert not wrong, "\n".join(wrong)


def has_logic(tree: ast.AST) -> bool:
    """Whether a file does anything: a function with more in it than words or a refusal."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = [step for step in node.body if not isinstance(step, (ast.Expr, ast.Raise))]
            if body:
                return True
    return False


def sleeps(tree: ast.AST) -> list[int]:
    """Return the lines that call a sleep of more than nothing."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = ast.unparse(node.func)
        zero = isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
        if called in ("time.sleep", "asyncio.sleep", "sleep") and not zero:
            found.append(node.lineno)
    return found


MAY_SLEEP = {"lab", "e2e", "chaos"}  # they wait for other processes, in wait_until and its like


def test_tests_do_not_sleep() -> None:
    wrong = []
    for path in python_files("tests"):
        relative = os.path.relpath(path, os.path.join(ROOT, "tests"))
        if relative.split(os.sep)[0] in MAY_SLEEP:
            continue
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        wrong += [f"tests/{relative}:{line} sleeps; wait for an event" for line in sleeps(tree)]
    assert not wrong, "\n".join(wrong)


def test_every_file_says_what_it_is_for() -> None:
    wrong = [
        f"{os.path.relpath(path, ROOT)} has no docstring"
        for path in python_files("src", "tests", "bench")
        if os.path.getsize(path) and not _docstring(path)
    ]
    assert not wrong, "\n".join(wrong)


def _docstring(path: str) -> str | None:
    with open(path, encoding="utf-8") as file:
        return ast.get_docstring(ast.parse(file.read()))
