"""What is made from the options is as it stands in the repository."""

from __future__ import annotations

import re
from pathlib import Path

from port_linker.cli import reference
from port_linker.cli.options import OPTIONS
from port_linker.cli.parser import build_app
from port_linker.cli.scripts import build_script
from port_linker.cli.verbs import SHELLS, VERBS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
HOW = "run: python -m port_linker.cli.reference"


def test_the_reference_is_current() -> None:
    assert (DOCS / "cli.md").read_text() == reference.build_reference(), HOW


def test_the_completion_scripts_are_current() -> None:
    for shell in SHELLS:
        shipped = (reference.DATA / f"completion.{shell}").read_text()
        assert shipped == build_script(shell), HOW


def test_every_option_of_the_parser_is_in_the_reference() -> None:
    text = (DOCS / "cli.md").read_text()
    app = build_app()
    for verb in VERBS:
        for argument in app[verb.name].assemble_argument_collection():
            for flag in argument.names:
                assert f"`{flag}`" in text or not flag.startswith("-"), flag
    for option in OPTIONS:
        assert f"### {option.flag}\n" in text
        assert f"`{option.env}`" in text


def test_everything_is_written_where_it_belongs(tmp_path: Path) -> None:
    reference.write_all(tmp_path)
    for name in ("cli.md", "events.schema.json"):
        assert (tmp_path / name).read_text() == (DOCS / name).read_text()


def test_every_error_code_has_its_place_in_the_documentation() -> None:
    text = (DOCS / "operations.md").read_text()
    sources = (ROOT / "src").rglob("*.py")
    codes = {
        code for path in sources for code in re.findall(r'"(PL-[A-Z0-9-]+)"', path.read_text())
    }
    assert len(codes) > 30
    missing = sorted(code for code in codes if f"### {code}\n" not in text)
    assert not missing, "explain them in docs/operations.md"


def test_every_exit_code_is_in_the_documentation() -> None:
    text = (DOCS / "operations.md").read_text()
    errors = (ROOT / "src/port_linker/errors.py").read_text()
    for number in re.findall(r"^EXIT_[A-Z_]+ = (\d+)$", errors, re.MULTILINE):
        assert f"\n| {number} |" in text
