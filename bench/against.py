"""Two builds in turn on one stage: python -m bench.against OTHER [--pairs N] [--only GROUP]….

OTHER is the port-linker of another checkout's .venv. Each pair runs both builds on the same stage,
the order turned round each time, so that what the machine does meanwhile meets both. A figure is
worse if the median of its pairs' ratios is below 0.97 and a one-sided sign test says p < 0.05.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from tests.lab.hosts import PROGRAM
from tests.lab.shell import LabError

from bench import tools
from bench.against_groups import GROUPS, Group, Turn
from bench.report import median
from bench.signs import Verdict, judge
from bench.stage import Stage

Found = dict[str, list[dict[str, float]]]


def parse() -> argparse.Namespace:
    """Return the words of the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.against", description=__doc__)
    parser.add_argument("other", help="the port-linker to compare with")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--only", action="append", choices=GROUPS, help="measure this group alone")
    parser.add_argument("--output", help="a file for the samples, JSON")
    return parser.parse_args()


def one_turn(on: Stage, group: Group, program: str) -> dict[str, float]:
    """Run one build on the stage and return its figures."""
    on.program = program
    begin = time.monotonic()
    on.link(*group.words)
    figures = group.measure(Turn(on, begin))
    on.unlink()
    return figures


def measure(group: Group, other: str, pairs: int) -> Found:
    """Return the figures of each pair: "old" and "new", lists of equal length."""
    found: Found = {"old": [], "new": []}
    builds = [("old", other), ("new", PROGRAM)]
    with group.stage() as on:
        for pair in range(pairs):
            figures = {}
            try:
                for name, program in builds if pair % 2 == 0 else builds[::-1]:
                    figures[name] = one_turn(on, group, program)
            except (AssertionError, LabError, OSError, ValueError) as error:
                on.unlink()
                print(f"a pair failed: {str(error).splitlines()[0][:200]}", file=sys.stderr)
                continue
            for name, values in figures.items():
                found[name].append(values)
            print(pair, json.dumps(figures), file=sys.stderr, flush=True)
    return found


def verdicts(found: Found) -> list[Verdict]:
    """Judge each figure of a group."""
    samples: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for old, new in zip(found["old"], found["new"], strict=True):
        for name in old.keys() & new.keys():
            samples[name].append((old[name], new[name]))
    return [judge(name, samples[name]) for name in sorted(samples)]


def show(group: str, lines: list[Verdict], tell: Callable[[str], Any] = print) -> None:
    """Print the figures of a group."""
    for line in lines:
        values = (median(line.olds), median(line.news), line.ratio)
        told = [f"{value:.4g}" for value in values]
        mark = "WORSE" if line.is_worse else "ok"
        tell(f"| {' | '.join([group, line.name, *told, f'{line.better} of {line.pairs}', mark])} |")


def main() -> int:
    """Measure, print, keep; 0 if nothing is worse."""
    words = parse()
    tools.build()
    print("| group | figure | old | new | ratio (above 1 is better) | better in | |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    kept, is_worse = {}, False
    for name in words.only or GROUPS:
        kept[name] = measure(GROUPS[name], words.other, words.pairs)
        lines = verdicts(kept[name])
        is_worse |= any(line.is_worse for line in lines)
        show(name, lines, lambda line: print(line, flush=True))
        if words.output:
            with open(words.output, "w") as file:
                json.dump(kept, file, indent=1)
    return int(is_worse)


if __name__ == "__main__":
    sys.exit(main())
