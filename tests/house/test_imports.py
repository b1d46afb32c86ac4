"""Pure files stay pure, imports point down, and only the agent's rooms go to the target."""

from __future__ import annotations

import ast
import graphlib
import sys

import pytest

from port_linker.deploy.manifest import parse_source
from tests.house.source import PACKAGE, Module, closure, modules

IMPURE = {
    "asyncio", "ctypes", "fcntl", "io", "logging", "multiprocessing", "os", "pathlib", "psutil",
    "pty", "random", "secrets", "select", "selectors", "shutil", "signal", "socket", "ssl",
    "subprocess", "tempfile", "termios", "textual", "threading", "time", "tty",
}  # fmt: skip
# A pure file that may name an impure module after all, with the reason.
ALLOWED_IN_PURE = {
    "port_linker.link.interface": {"socket"},  # the type of what a binding holds
}
# What must say of itself that it is pure: it decides.
DECIDING = [
    "model",
    "errors",
    "cause",
    "ports.machine",
    "ports.placement",
    "ports.capacity",
    "ports.conflicts",
    "ports.reconcile",
    "session.machine",
    "session.backoff",
    "session.events",
    "session.snapshot",
    "mux.frames",
    "mux.credits",
    "mux.machine",
    "mux.journal",
    "protocol.messages",
    "agent.machine",
    "agent.lease",
    "deploy.plan",
    "ssh.command",
    "ssh.explain",
    "ssh.target",
    "cli.args",
    "scan.diff",
    "scan.sockdiag",
    "scan.procnet",
    "protocol.quic",
    "link.control",
    "link.reports",
    "link.choose",
    "link.retry",
    "link.addresses",
    "link.figures",
    "protocol.gauge",
    "doctor.judge",
    "doctor.judge_quic",
    "session.outage",
    "mux.outbox",
    "mux.payloads",
]
LINES = {
    "cli": 1, "demo": 2, "doctor": 2, "ui": 2, "session": 2, "agent": 3, "ssh": 3, "deploy": 3,
    "ports": 3, "link": 3, "mux": 4, "scan": 4, "observe": 5, "tasks": 7, "clock": 7,
    "folders": 7, "model": 8, "errors": 8, "cause": 8,
}  # fmt: skip
PURE_LINE = 6
NEIGHBOURS = {
    ("link", "mux"),  # the stdio link stands on the multiplexer
    ("agent", "link"),  # the agent is the far end of both links
    ("agent", "deploy"),  # what an agent keeps lies beside its bundle (deploy.cache)
    ("deploy", "ssh"),  # the channel to the agent is ssh's child
    ("demo", "session"),  # the demo is a session with a front end of its own
    ("doctor", "session"),  # the doctor brings QUIC up as a session does
}
SIDEWAYS: set[tuple[str, str]] = set()  # (importer, imported), each with its reason beside it

ON_TARGET_ROOMS = {"agent", "protocol", "mux", "link", "scan"}
ON_TARGET_FILES = {
    "deploy", "deploy.cache", "observe", "observe.logs", "observe.counters", "tasks", "clock",
    "model", "errors",
}  # fmt: skip
ATTACHER = "port_linker.deploy.attacher"
ATTACHER_FILES = {
    "deploy", "deploy.attacher", "deploy.bytecode", "deploy.cache", "deploy.handle",
    "deploy.opener", "deploy.supply",
}  # fmt: skip


def short(name: str) -> str:
    return name.removeprefix(PACKAGE + ".")


def top(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def test_pure_files_import_nothing_that_acts() -> None:
    wrong = []
    for module in modules().values():
        if not module.is_pure:
            continue
        for name, asked_by in closure(module.name, late=True).items():
            allowed = ALLOWED_IN_PURE.get(name, set())
            wrong += [
                f"{module.short} says it is pure, but {short(name)} (asked for by "
                f"{short(asked_by)}) imports {each.name}"
                for each in modules()[name].imports
                if top(each.name) in IMPURE - allowed
            ]
    assert not wrong, "\n".join(sorted(wrong))


def test_files_that_decide_say_that_they_are_pure() -> None:
    known = modules()
    wrong = []
    for name in DECIDING:
        module = known.get(f"{PACKAGE}.{name}")
        if module is None:
            wrong.append(f"{name} does not exist")
        elif not module.is_pure:
            wrong.append(f"{module.short} decides, so its docstring must say Pure (and be true)")
    assert not wrong, "\n".join(wrong)


def line_of(module: Module) -> int:
    """Return the line of docs/architecture.md on which a file stands."""
    words = short(module.name).split(".")
    if words[0] in ("tasks", "clock", "folders", "model", "errors", "cause"):
        return LINES[words[0]]
    if module.is_pure or module.room == "protocol" or module.path.endswith("__init__.py"):
        return PURE_LINE
    return LINES[words[0]]


def test_imports_point_down() -> None:
    wrong = []
    for module in modules().values():
        for each in module.imports:
            other = modules().get(each.name)
            if other is None or other.room == module.room or other.name == PACKAGE:
                continue
            pair = (short(module.name), short(other.name))
            if pair in SIDEWAYS or (module.room, other.room) in NEIGHBOURS:
                continue
            if line_of(other) <= line_of(module) and line_of(module) != PURE_LINE:
                wrong.append(f"{pair[0]} imports {pair[1]}, which does not stand below it")
    assert not wrong, "\n".join(sorted(set(wrong)))


# Rooms that are on no cycle of rooms, pure files included.
WITHOUT_CYCLE = ["ports", "ui"]


def room_closure(room: str) -> set[str]:
    """Return the rooms that a room's files import, and what those import, and so on."""
    below: dict[str, set[str]] = {}
    for module in modules().values():
        others = {modules()[each.name].room for each in module.imports if each.name in modules()}
        below.setdefault(module.room, set()).update(others - {module.room, ""})
    found: set[str] = set()
    todo = list(below[room])
    while todo:
        other = todo.pop()
        if other not in found:
            found.add(other)
            todo += below[other]
    return found


@pytest.mark.parametrize("room", WITHOUT_CYCLE)
def test_no_cycle_of_rooms_goes_through(room: str) -> None:
    assert room not in room_closure(room)


def test_no_cycle_of_files() -> None:
    below = {name: {each.name for each in module.imports} for name, module in modules().items()}
    try:
        graphlib.TopologicalSorter(below).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(map(short, reversed(error.args[1]))))


def on_target() -> dict[str, str]:
    return closure(f"{PACKAGE}.agent.__main__", late=True)


def test_only_the_agents_rooms_go_to_the_target() -> None:
    wrong = [
        f"{short(asked_by)} pulls {short(name)} to the target"
        for name, asked_by in on_target().items()
        if name != PACKAGE
        and short(name).split(".")[0] not in ON_TARGET_ROOMS
        and short(name) not in ON_TARGET_FILES
    ]
    assert not wrong, "\n".join(wrong)
    assert f"{PACKAGE}.agent.runner" in on_target()


def test_the_attacher_takes_almost_nothing_along() -> None:
    names = {short(name) for name in closure(ATTACHER, late=True)} - {PACKAGE}
    assert names <= ATTACHER_FILES


def test_what_goes_to_the_target_needs_the_standard_library_alone() -> None:
    wrong = [
        f"{short(name)} imports {each.name}"
        for name in [*on_target(), *closure(ATTACHER, late=True)]
        for each in modules()[name].imports
        if top(each.name) not in {*sys.stdlib_module_names, PACKAGE}
    ]
    assert not wrong, "\n".join(wrong)


NEW_NAMES = {
    "TaskGroup": "asyncio.TaskGroup is of 3.11",
    "StrEnum": "enum.StrEnum is of 3.11",
    "timeout": "asyncio.timeout is of 3.11",
    "pairwise": "itertools.pairwise is of 3.10",
    "UTC": "datetime.UTC is of 3.11",
    "ExceptionGroup": "ExceptionGroup is of 3.11",
}


def test_what_goes_to_the_target_is_python_3_9() -> None:
    wrong = []
    for name in [*on_target(), *closure(ATTACHER, late=True)]:
        module = modules()[name]
        try:
            parse_source(module.text, module.path, (3, 9))
        except SyntaxError as error:
            wrong.append(f"{module.short}:{error.lineno} is not Python 3.9: {error.msg}")
        wrong += [f"{module.short}: {words}" for words in new_words(module.tree)]
        has_code = any(isinstance(node, (ast.AnnAssign, ast.arg)) for node in ast.walk(module.tree))
        if (
            has_code
            and "from __future__ import annotations" not in module.text
            and (not module.path.endswith("__init__.py"))
        ):
            wrong.append(f"{module.short} lacks: from __future__ import annotations")
    assert not wrong, "\n".join(wrong)


def new_words(tree: ast.AST) -> list[str]:
    """Return what a file uses that Python 3.9 does not have."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            said = NEW_NAMES.get(node.attr)
            if said and f"{node.value.id}.{node.attr}" in said:
                found.append(said)
        elif isinstance(node, ast.ImportFrom):
            found += [NEW_NAMES[a.name] for a in node.names if a.name in NEW_NAMES]
        elif isinstance(node, ast.keyword) and node.arg in ("slots", "kw_only"):
            found.append(f"dataclass({node.arg}=…) is of 3.10")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            strict = any(each.arg == "strict" for each in node.keywords)
            if node.func.id == "zip" and strict:
                found.append("zip(strict=…) is of 3.10")
    return found
