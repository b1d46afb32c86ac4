"""A cause in words, which have one place."""

from __future__ import annotations

import ast

import pytest

from port_linker import cause
from port_linker.cause import NOT_TRIED, Cause, cause_of, explain
from port_linker.errors import AuthError
from tests.house.source import modules


def test_an_error_is_a_cause_with_its_code_its_sentence_and_its_hint() -> None:
    error = AuthError("dev1 refused the login", "load the key", "PL-SSH-AUTH")
    found = cause_of(error)
    assert found == Cause("PL-SSH-AUTH", "dev1 refused the login", "load the key")
    assert explain(found) == "dev1 refused the login"


def test_a_code_with_a_sentence_of_its_own_needs_no_detail() -> None:
    assert explain(Cause(NOT_TRIED)) == "QUIC was not tried yet"
    assert explain(None) == ""


@pytest.mark.parametrize("code", sorted(cause._WORDS))
def test_a_sentence_of_a_code_is_written_once(code: str) -> None:
    sentence = cause._WORDS[code]
    places = {
        module.short
        for module in modules().values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and node.value == sentence
    }
    assert places == {"cause.py"}
