"""`port-linker config remembered`: what is kept of your answers, and how it is forgotten."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from port_linker.errors import UsageError

if TYPE_CHECKING:
    from port_linker.cli.args import Settings

REMEMBERED = "remembered"
NOTHING = "nothing is remembered"


def run_config(settings: Settings) -> int:
    """List the ports that stood in for others, by target, or forget them. Raises UsageError."""
    from port_linker.binding.remember import forget_all, list_remembered

    if settings.word != REMEMBERED:
        raise UsageError(
            "config needs to be told what" if not settings.word else f"no {settings.word} there",
            f"port-linker config {REMEMBERED}, which lists the ports that stand in for others",
        )
    rows = list_remembered()
    if settings.forget:
        forget_all()
    lines = _as_json(rows, settings.forget) if settings.json else _as_text(rows, settings.forget)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _as_text(rows: list[tuple[str, str, int]], is_forgotten: bool) -> list[str]:
    if not rows:
        return [NOTHING]
    doing = "forgotten: " if is_forgotten else ""
    return [f"{doing}{target}  {service} is {port} here" for target, service, port in rows]


def _as_json(rows: list[tuple[str, str, int]], is_forgotten: bool) -> list[str]:
    import json

    return [
        json.dumps({"target": target, "service": key, "port": port, "forgotten": is_forgotten})
        for target, key, port in rows
    ]
