"""Each way in which a target once could harm this machine, and can no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.victim import Needs, Victim
from tests.lab.netns import Namespace

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(120)]


NAMES = (
    "format_words", "long_keys", "key_past_open", "early_pong", "nested_log", "needs_for_ever",
    "ever_new_machines", "facts_again", "full_lists", "crowds", "owners", "churn", "loud_log",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_scripted_lie_costs_little(
    net: Namespace, tmp_path: Path, needs: Needs, name: str
) -> None:
    victim = Victim(net, str(tmp_path), name, needs=needs)
    victim.wait_told(timeout_s=80)
    victim.judge()


@pytest.mark.parametrize("name", ["loud_log", "churn"])
def test_nobody_reads_what_the_target_says(
    net: Namespace, tmp_path: Path, needs: Needs, name: str
) -> None:
    victim = Victim(net, str(tmp_path), name, needs=needs, reads=False)
    victim.wait_told(timeout_s=80)
    victim.judge()
