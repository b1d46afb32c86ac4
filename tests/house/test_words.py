"""What people read decides nothing: code of the front ends and of the doctor compares codes."""

from __future__ import annotations

import ast

import pytest

from tests.house.source import modules

ROOMS = ("ui", "doctor")
SENTENCES = {
    "reason", "message", "detail", "sentence", "hint", "found", "said", "because", "notice",
}  # fmt: skip
CUTS = {
    "split", "rsplit", "splitlines", "partition", "rpartition", "startswith", "endswith", "find",
    "rfind", "index", "count", "removeprefix", "removesuffix", "match", "search", "fullmatch",
}  # fmt: skip
COMPARES = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)


def is_sentence(node: ast.AST) -> bool:
    """Whether an expression is words for people: by its name, or a text of several words."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and " " in node.value.strip()
    if isinstance(node, ast.Attribute):
        return node.attr in SENTENCES
    if isinstance(node, ast.Name):
        return node.id in SENTENCES
    if isinstance(node, ast.Call):
        return ast.unparse(node) == "str(error)" or ast.unparse(node.func).endswith("explain")
    if isinstance(node, ast.BoolOp | ast.Tuple | ast.List | ast.Set):
        return any(map(is_sentence, ast.iter_child_nodes(node)))
    return False


def find_cuts(tree: ast.AST) -> list[int]:
    """Return the lines that compare or split a sentence."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(isinstance(op, COMPARES) for op in node.ops) and any(map(is_sentence, sides)):
                found.append(node.lineno)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            texts = [node.func.value, *node.args]
            if node.func.attr in CUTS and any(map(is_sentence, texts)):
                found.append(node.lineno)
    return found


def test_no_code_of_the_screen_or_the_doctor_compares_or_splits_a_sentence() -> None:
    wrong = [
        f"src/port_linker/{module.short}:{line} compares or splits a sentence; use a Cause's code"
        for module in modules().values()
        if module.room in ROOMS
        for line in find_cuts(module.tree)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "code",
    [
        "event.reason.startswith(LEFT_OUT)",
        "event.reason not in (NO_WHEEL, NOT_TRIED)",
        "before.reason == event.reason",
        "verb == f'is {event.reason.partition(1)[0]}'",
        "'UDP port' in reason",
        "detail.rpartition(', agent in ')",
        "explain(cause) == said",
        "re.search(pattern, error.message)",
    ],
)
def test_the_rule_sees_what_was_done_before(code: str) -> None:
    assert find_cuts(ast.parse(code)) == [1]


@pytest.mark.parametrize(
    "code",
    ["event.cause.code == NOT_TRIED", "before.cause == event.cause", "event.reason is None"],
)
def test_codes_and_causes_may_be_compared(code: str) -> None:
    assert find_cuts(ast.parse(code)) == []
