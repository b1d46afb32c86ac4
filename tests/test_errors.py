"""The errors that people see."""

from __future__ import annotations

import pytest

from port_linker import errors


@pytest.mark.parametrize(
    ("kind", "exit_code"),
    [
        (errors.UsageError, 2),
        (errors.UnreachableError, 3),
        (errors.AuthError, 4),
        (errors.HostKeyError, 5),
        (errors.TargetError, 6),
        (errors.BindError, 7),
        (errors.PortLinkerError, 1),
    ],
)
def test_each_kind_has_its_exit_code(kind: type[errors.PortLinkerError], exit_code: int) -> None:
    error = kind("what happened", hint="what to do")
    assert error.exit_code == exit_code
    assert (error.message, error.hint, str(error)) == (
        "what happened",
        "what to do",
        "what happened",
    )


def test_a_code_is_the_kinds_own_unless_it_is_named() -> None:
    assert errors.AuthError("x").code == "PL-SSH-AUTH"
    assert errors.AuthError("x", code="PL-OTHER").code == "PL-OTHER"
    assert errors.AuthError.code == "PL-SSH-AUTH"
