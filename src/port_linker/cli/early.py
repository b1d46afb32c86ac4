"""Reads a plain command line without the parser, which costs 80 ms to import. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from port_linker.cli.args import Settings
from port_linker.cli.fast import Scan
from port_linker.cli.option import ENV_PREFIX, Kind, Option

PARSED = ("connect", "doctor", "demo")  # the verbs whose word may be any


def read_settings(scan: Scan, environ: Mapping[str, str]) -> Settings | None:
    """Return the settings, None where the parser must judge: it alone explains what is wrong.

    Variables of the environment are the parser's too.
    """
    if not scan.is_plain or scan.verb not in PARSED:
        return None
    if any(name.startswith(ENV_PREFIX) for name in environ):
        return None
    if (scan.host is None) != (scan.verb == "demo"):
        return None
    read: dict[str, Any] = {}
    for option, text in scan.values:
        value = _read_value(option, text, read.get(option.name))
        if value is None or scan.verb not in option.verbs:
            return None
        read[option.name] = value
    return Settings(scan.verb, scan.host, **read)


def _read_value(option: Option, text: str | None, before: Any) -> Any:
    """Return the option's value, None if the text is none."""
    if option.kind is Kind.FLAG:
        return True if text is None and before is None else None
    if option.kind is Kind.COUNT:
        return None  # spelled in too many ways
    if text is None or text.startswith("-") or not text.strip():
        return None
    if option.kind is Kind.NUMBER:
        return int(text) if text.isascii() and text.isdecimal() and before is None else None
    if option.kind is Kind.WORDS:
        return (*(before or ()), text)
    is_fine = before is None and (not option.choices or text in option.choices)
    return text if is_fine else None
