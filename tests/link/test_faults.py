"""A sidecar's codes become errors with a sentence; no code is without one."""

from __future__ import annotations

from port_linker.link.faults import (
    CODE,
    NO_UDP_PORT,
    explain_close,
    explain_failure,
    explain_target,
)
from port_linker.link.reports import Closed, Failed


def test_a_failure_says_what_it_means() -> None:
    error = explain_failure(Failed("unreachable", "no answer", "peer"))
    assert error.fault == "unreachable"
    assert error.message == "no address of the target answers over UDP"
    assert error.code == CODE
    for code in ("handshake", "introduction"):
        assert "fingerprint" in explain_failure(Failed(code, "fingerprint", "peer")).message


def test_the_next_step_holds_where_the_session_ends() -> None:
    hint = str(explain_failure(Failed("unreachable", "no answer", "peer")).hint)
    assert "port-linker doctor" in hint
    assert "--link auto goes on over ssh" in hint


def test_an_unknown_code_is_named() -> None:
    assert "brand-new" in explain_failure(Failed("brand-new", "", "")).message
    assert "brand-new" in explain_close(Closed("brand-new", "")).message


def test_an_end_says_why() -> None:
    assert "lease" in explain_close(Closed("idle-timeout", "x")).message


def test_what_the_targets_half_says_has_its_code_again() -> None:
    there = explain_failure(Failed(NO_UDP_PORT, "60000-61000", "start"))
    here = explain_target(there.message)
    assert (here.fault, here.message) == (NO_UDP_PORT, there.message)
    assert explain_target("the executable did not arrive").fault == "target"
