"""`port-linker config remembered`: what is kept of your answers, and how it is forgotten."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from port_linker.errors import UsageError
from port_linker.model import clean_text

if TYPE_CHECKING:
    from port_linker.cli.args import Settings
    from port_linker.ports.os.remaps import Remembered

REMEMBERED = "remembered"
NOTHING = "nothing is remembered"


def run_config(settings: Settings) -> int:
    """List the ports that stood in for others, or forget them. Raises UsageError."""
    from port_linker.ports.os.remaps import forget, list_remembered

    if settings.word != REMEMBERED:
        raise UsageError(
            "config needs to be told what" if not settings.word else f"no {settings.word} there",
            f"port-linker config {REMEMBERED}, which lists the ports that stand in for others",
        )
    rows = list_remembered(settings.of)
    if settings.forget:
        forget(settings.of)
    lines = _as_json(rows, settings.forget) if settings.json else _as_text(rows, settings)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _as_text(rows: list[Remembered], settings: Settings) -> list[str]:
    if not rows:
        return [NOTHING if settings.of is None else f"{NOTHING} of {clean_text(settings.of)}"]
    doing = "forgotten: " if settings.forget else ""
    return [f"{doing}{row.names[0]}  {row.service} is {row.port} here" for row in rows]


def _as_json(rows: list[Remembered], is_forgotten: bool) -> list[str]:
    import json

    return [
        json.dumps(
            {
                "target": row.names[0],
                "service": row.service,
                "port": row.port,
                "forgotten": is_forgotten,
            }
        )
        for row in rows
    ]
