"""The agent's answers to the doctor, bounded whatever is asked."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from port_linker.agent.probe import FILL_BYTES, MAX_MEASURE_BYTES, answer_doctor
from port_linker.doctor.answers import fill_bytes, parse_probed
from port_linker.mux.frames import MAX_CONTROL_BYTES

SCAN = {"pushed": True, "cost_ms": 0.4, "period_ms": 100}


def ask(**message: Any) -> list[dict[str, Any]]:
    return answer_doctor(message, lambda: SCAN)


def test_a_probe_is_answered_with_what_the_doctor_reads() -> None:
    (answer,) = ask(t="probe", id=7)
    assert answer["id"] == 7
    probed = parse_probed(json.loads(json.dumps(answer)))
    assert abs(probed.wall_s - time.time()) < 60
    assert probed.most_descriptors > 0
    assert (probed.pushed, probed.scan_period_ms) == (True, 100)


@pytest.mark.parametrize("size", [0, 1, FILL_BYTES, FILL_BYTES + 1, MAX_MEASURE_BYTES])
def test_a_measurement_brings_so_many_bytes_and_a_word_that_it_was_all(size: int) -> None:
    *padding, last = ask(t="measure", id=3, bytes=size)
    assert sum(map(fill_bytes, padding)) == size
    assert last == {"t": "measured", "id": 3}
    assert all(len(json.dumps(each)) <= MAX_CONTROL_BYTES for each in padding)


@pytest.mark.parametrize(
    ("wanted", "given"), [(1 << 40, MAX_MEASURE_BYTES), (-5, 0), ("x", 0), (None, 0)]
)
def test_sizes_are_bounded(wanted: Any, given: int) -> None:
    answers = ask(t="measure", id=1, bytes=wanted)
    assert sum(map(fill_bytes, answers)) == given


def test_anything_else_is_not_for_it() -> None:
    assert ask(t="bye") == ask() == ask(t="padding", fill="...") == []
