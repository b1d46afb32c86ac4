"""Causes for tests that read only the words."""

from __future__ import annotations

from port_linker.cause import Cause


def why(sentence: str, code: str = "PL-TEST") -> Cause:
    """Return a cause in these words."""
    return Cause(code, sentence)
