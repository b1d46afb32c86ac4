"""Why a channel did not open, in words."""

from __future__ import annotations

import pytest

from port_linker.deploy.faults import explain_failure, explain_stage_end, explain_stage_timeout
from port_linker.deploy.replies import AttachFailed
from port_linker.deploy.settings import Stage


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("agent-crashes", "PL-AGENT-CRASHES"),
        ("agent-start", "PL-AGENT-START"),
        ("no-directory", "PL-TARGET-NO-DIR"),
        ("refused", "PL-AGENT-REFUSED"),
        ("bundle-damaged", "PL-TARGET-DAMAGED"),
        ("bundle-cut", "PL-TARGET-CUT"),
        ("of a newer attacher", "PL-TARGET-ATTACH"),
    ],
)
def test_each_code_of_the_attacher_has_a_sentence(code: str, shown: str) -> None:
    error = explain_failure(AttachFailed(code, "why"), "dev1")
    assert error.code == shown
    assert "dev1" in error.message
    assert error.message.endswith(": why")
    assert error.hint
    assert not explain_failure(AttachFailed(code, ""), "dev1").message.endswith(": ")


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.LOGIN])
def test_each_step_after_the_login_can_end_or_take_too_long(stage: Stage) -> None:
    assert explain_stage_end(stage, "dev1", 1, ["a", "b\x1b"]).message.endswith(": b\ufffd")
    assert explain_stage_end(stage, "dev1", 1, []).message.endswith(": exit status 1")
    late = explain_stage_timeout(stage, "dev1", 30.0)
    assert late.message.endswith("within 30 s")
    assert late.code == "PL-TARGET-TIMEOUT"


def test_the_words_of_the_target_are_no_pattern() -> None:
    pattern = "{target:>9999999999}"
    error = explain_failure(AttachFailed(pattern, pattern), "dev1")
    assert error.message == f"dev1 could not start the agent ({pattern}): {pattern}"
