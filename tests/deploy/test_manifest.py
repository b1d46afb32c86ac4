"""The closure of the agent's imports."""

from __future__ import annotations

import ast

import pytest

from port_linker.deploy import manifest
from port_linker.deploy.bundle import read_own_module
from port_linker.deploy.manifest import (
    ManifestError,
    compute_closure,
    drop_docstrings,
    find_imports,
)


def closure(**files: str) -> set[str]:
    """Compute the closure of port_linker.a over files named by their dots as underscores."""
    sources = {name.replace("__", "."): text for name, text in files.items()}
    return set(compute_closure(sources.get, "port_linker.a"))


def test_packages_on_the_way_and_names_that_are_modules_come_along() -> None:
    files = {
        "port_linker": "",
        "port_linker__a": "from port_linker.room import door, wall\nimport os.path, json\n",
        "port_linker__room": "'a package'",
        "port_linker__room__door": "import port_linker.key",
        "port_linker__key": "",
        "port_linker__other": "",
    }
    assert closure(**files) == {
        "port_linker",
        "port_linker.a",
        "port_linker.room",
        "port_linker.room.door",
        "port_linker.key",
    }


def test_imports_are_found_wherever_they_stand() -> None:
    text = """
def f():
    try:
        import one
    except ImportError:
        import two
    else:
        from three import x
    finally:
        with open("q") as file:
            import four
class C:
    if True:
        import five
    elif False:
        import six
match 1:
    case 1:
        import seven
for _ in ():
    import eight
"""
    names = [module for module, _ in find_imports(text, "m")]
    assert sorted(names) == sorted(["one", "two", "three", "four", "five", "six", "seven", "eight"])


def test_what_only_the_type_checker_sees_stays_here() -> None:
    text = "if TYPE_CHECKING:\n import a\nelse:\n import b\nif typing.TYPE_CHECKING:\n import c"
    assert find_imports(text, "m") == [("b", None)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import psutil", "psutil, which targets do not have"),
        ("from . import b", "relative"),
        ("import port_linker.gone", "no module port_linker.gone"),
    ],
)
def test_what_cannot_go_to_a_target_is_refused(text: str, words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        closure(port_linker="", port_linker__a=text)


def test_the_real_agent_needs_only_the_rooms_that_may_go() -> None:
    closure = compute_closure(read_own_module)
    rooms = {name.split(".")[1] for name in closure if "." in name}
    may_go = {"agent", "protocol", "mux", "link", "scan", "observe", "deploy"}
    assert rooms <= may_go | {"tasks", "clock", "model", "errors"}
    of_deploy = {name for name in closure if name.startswith("port_linker.deploy")}
    assert of_deploy == {"port_linker.deploy", "port_linker.deploy.cache"}


def test_a_parse_that_cpython_spoils_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    parse, spoiled = ast.parse, iter(range(manifest.PARSE_TRIES - 1))

    def trip(text: str, name: str, feature_version: object = None) -> ast.Module:
        for _ in spoiled:
            raise SystemError("AST constructor recursion depth mismatch")
        return parse(text, name)

    monkeypatch.setattr(ast, "parse", trip)
    assert find_imports("import os", "a") == [("os", None)]
    monkeypatch.setattr(manifest, "PARSE_TRIES", 1)
    spoiled = iter([1])
    with pytest.raises(SystemError):
        find_imports("import os", "a")


def test_the_agent_is_sent_without_docstrings_each_line_where_it_was() -> None:
    for name, text in compute_closure(read_own_module).items():
        bare = drop_docstrings(text, name)
        assert bare.count("\n") == text.count("\n")
        assert ast.dump(without_docstrings(bare)) == ast.dump(without_docstrings(text)), name
        assert documented(ast.parse(bare)) == 0
    assert documented(ast.parse(text)) > 0


def test_only_a_docstring_that_stands_alone_is_dropped() -> None:
    text = "def é():\n    'only this'\nclass B:\n    'é'; x = 1\ny = 'no docstring'\n"
    assert drop_docstrings(text, "a") == text.replace("'only this'", '""')


def holders(tree: ast.Module) -> list[ast.Expr]:
    """Return the docstrings of a tree."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    return [node.body[0] for node in nodes if ast.get_docstring(node, clean=False) is not None]  # type: ignore[misc]


def without_docstrings(text: str) -> ast.Module:
    tree = ast.parse(text)
    for holder in holders(tree):
        holder.value = ast.Constant("")
    return tree


def documented(tree: ast.Module) -> int:
    return sum(bool(holder.value.value) for holder in holders(tree))  # type: ignore[attr-defined]
