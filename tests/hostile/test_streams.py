"""Each way in which a target once could harm this machine, and can no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.victim import Needs, Victim
from tests.lab.netns import Namespace

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(120)]

UNREAD_BYTES = 80 << 20  # that a stream of lines may cost which nobody reads

NAMES = (
    "format_words", "long_keys", "key_past_open", "early_pong", "nested_log", "needs_for_ever",
    "ever_new_machines", "facts_again", "full_lists", "crowds", "owners", "churn",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_scripted_lie_costs_little(
    net: Namespace, tmp_path: Path, needs: Needs, name: str
) -> None:
    victim = Victim(net, str(tmp_path), name, needs=needs)
    victim.wait_told(timeout_s=80)
    victim.judge()


@pytest.mark.parametrize("name", ["loud_log", "long_names"])
def test_what_nobody_reads_is_kept_up_to_a_limit(
    net: Namespace, tmp_path: Path, needs: Needs, name: str
) -> None:
    """Each stream is a hundred megabytes of lines, of which the outlet keeps 16."""
    victim = Victim(net, str(tmp_path), name, needs=needs, reads=False)
    victim.wait_told(timeout_s=80)
    victim.judge(memory_bytes=UNREAD_BYTES)
