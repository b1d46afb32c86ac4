"""Writes what is made from options.OPTIONS: docs/cli.md and the completion scripts.

python -m port_linker.cli.reference, from the root of the repository. A test fails on drift.
"""

from __future__ import annotations

from pathlib import Path

from port_linker.cli.args import Settings
from port_linker.cli.option import Kind, Option
from port_linker.cli.options import OPTIONS
from port_linker.cli.scripts import build_script
from port_linker.cli.verbs import RESERVED, SHELLS, VERBS

DATA = Path(__file__).parent / "data"
_HEAD = """\
# Command line

Made from the program's own options by `python -m port_linker.cli.reference`; do not edit.

`port-linker HOST` is short for `port-linker connect HOST`, the form for scripts: a verb always wins
over a machine of the same name.

Every option can be set in the environment too, by the name that stands beside it; the command line
wins. A switch is set by `1` or `true`; where an option may be repeated, each line of the variable
is one value. Data goes to stdout, everything else to stderr. The exit codes are in
[operations.md](operations.md#exit-codes).

## Verbs

| verb | what it does |
| --- | --- |
"""


def build_reference() -> str:
    """Return the text of docs/cli.md."""
    rows = [f"| `port-linker {verb.usage}` | {verb.help} |" for verb in VERBS]
    names = ", ".join(f"`{name}`" for name in RESERVED)
    parts = [
        _HEAD + "\n".join(rows),
        f"HOST: {VERBS[0].argument_help}.",
        f"Reserved for later versions: {names}.",
    ]
    for group in dict.fromkeys(option.group for option in OPTIONS):
        parts.append(f"## {group}")
        parts += [_describe(option) for option in OPTIONS if option.group == group]
    return "\n\n".join(parts) + "\n"


def _describe(option: Option) -> str:
    spelled = ", ".join(f"`{flag}`" for flag in option.flags)
    if option.metavar:
        spelled += f" `{option.metavar}`"
    default = getattr(Settings("connect"), option.name)
    notes = [f"with {', '.join(option.verbs)}", f"`{option.env}`"]
    if option.choices:
        notes.append("one of " + ", ".join(f"`{choice}`" for choice in option.choices))
    if option.kind is Kind.NUMBER:
        notes.append(f"default {default}")
    if option.kind in (Kind.WORDS, Kind.COUNT):
        notes.append("may be repeated")
    return f"### {option.flag}\n\n{spelled}: {option.help}\n\n*{'; '.join(notes)}*"


def write_all(docs: Path) -> None:
    """Write the reference, the scripts, and the copy of the schema that the docs carry."""
    (docs / "cli.md").write_text(build_reference(), encoding="utf-8")
    for shell in SHELLS:
        (DATA / f"completion.{shell}").write_text(build_script(shell), encoding="utf-8")
    schema = (DATA / "events.schema.json").read_text(encoding="utf-8")
    (docs / "events.schema.json").write_text(schema, encoding="utf-8")


if __name__ == "__main__":
    write_all(Path("docs"))
