"""Seeded streams of anything. FUZZ_S: how long each lasts, 3 s without it; `make fuzz` says 60."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.hostile.victim import Needs, Victim
from tests.lab.netns import Namespace

SECONDS = float(os.environ.get("FUZZ_S", "3"))
BEGINS_S = 20.0  # from the start to the first lie, on a busy machine
pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(90 + 2 * SECONDS)]


@pytest.mark.parametrize("seed", range(20))
def test_a_target_may_say_anything(net: Namespace, tmp_path: Path, needs: Needs, seed: int) -> None:
    stream = "opening" if seed % 4 == 3 else "chaos"
    victim = Victim(net, str(tmp_path), stream, seed, needs=needs)
    victim.wait_told("began", BEGINS_S)
    victim.live(SECONDS)
    victim.judge()


def test_the_table_shows_anything_that_a_target_says(
    net: Namespace, tmp_path: Path, needs: Needs
) -> None:
    victim = Victim(net, str(tmp_path), "chaos", 4, needs=needs, words=())
    victim.wait_told("began", BEGINS_S)
    victim.live(2 * SECONDS)
    assert not victim.is_over, victim.screen[-2000:]
    assert b"\x1b[?1049h" in victim.screen or len(victim.screen) == 200_000
    victim.judge(in_time=False)
    assert b"Traceback" not in victim.screen
