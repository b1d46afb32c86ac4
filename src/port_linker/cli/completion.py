"""Completion scripts: static text for words and flags; hosts are read by the shell itself."""

from __future__ import annotations

from importlib import resources

from port_linker.cli.verbs import SHELLS
from port_linker.errors import UsageError


def read_script(shell: str | None) -> str:
    """Return the script of a shell as it is shipped. Raises UsageError for another shell."""
    if shell not in SHELLS:
        raise UsageError(
            "completion needs the name of a shell" if not shell else f"no completion for {shell}",
            f"port-linker completion {SHELLS[0]} (or {', '.join(SHELLS[1:])})",
        )
    path = resources.files("port_linker.cli").joinpath(f"data/completion.{shell}")
    return path.read_text(encoding="utf-8")
