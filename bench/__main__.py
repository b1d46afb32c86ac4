"""Run the measurements: python -m bench [--quick] [--only ROW]… [--list]."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable

from tests.lab import hosts, netns, users
from tests.lab.shell import LabError

from bench import (
    rows_bytes,
    rows_load,
    rows_quic,
    rows_quic_faults,
    rows_quic_many,
    rows_quic_time,
    rows_time,
    tools,
)
from bench.report import Row, format_table, to_json
from port_linker import __version__

ROWS: dict[str, Callable[[bool], list[Row]]] = {
    "late-bind": rows_time.late_bind,
    "start": rows_time.start,
    "throughput": rows_bytes.throughput,
    "connect": rows_time.connect_local,
    "connect-60ms": rows_time.connect_far,
    "thousand": rows_bytes.thousand,
    "agent": rows_load.agent,
    "host": rows_load.host,
    "cap": rows_load.cap,
    "cut": rows_bytes.cut,
    "quic-veth": rows_quic.veth,
    "quic-clean": rows_quic.clean,
    "quic-lossy": rows_quic.lossy,
    "quic-distant": rows_quic.distant,
    "quic-interactive": rows_quic_time.interactive,
    "quic-connect": rows_quic_time.connect,
    "quic-short": rows_quic_time.short,
    "quic-udp": rows_quic_time.udp,
    "quic-roam": rows_quic_faults.roam,
    "quic-blackout": rows_quic_faults.blackout,
    "quic-garbage": rows_quic_faults.garbage,
    "quic-stalled": rows_quic_many.stalled,
    "quic-shares": rows_quic_many.shares,
}
RESULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results")


def parse() -> argparse.Namespace:
    """Return the words of the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a look, no figure")
    parser.add_argument("--only", action="append", choices=ROWS, help="measure this row alone")
    parser.add_argument("--list", action="store_true", help="name the rows and end")
    parser.add_argument("--output", help="where the JSON goes (default: bench/results/)")
    return parser.parse_args()


def about(quick: bool) -> dict[str, object]:
    """Return what a figure depends on."""
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "version": __version__,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cores": os.cpu_count(),
        "quick": quick,
    }


def measure(name: str, quick: bool) -> list[Row]:
    """Measure one row; what fails is a row too, so that the others are still measured."""
    begin = time.monotonic()
    print(f"measuring {name} …", file=sys.stderr, flush=True)
    try:
        rows = ROWS[name](quick)
    except (AssertionError, LabError, OSError, ValueError) as error:
        rows = [Row(name, "", "failed", "", met=False, note=str(error).splitlines()[0][:100])]
    print(f"measuring {name}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    return rows


def main() -> int:
    """Measure, print, keep; 0 if every figure is reached."""
    words = parse()
    if words.list:
        print("\n".join(ROWS))
        return 0
    reason = netns.why_not()
    if reason:
        print(f"bench: cannot measure here: {reason}", file=sys.stderr)
        return 1
    for tidy in (netns.remove_leftovers, users.remove_leftovers, hosts.remove_leftovers):
        tidy()
    names = words.only or list(ROWS)
    if any(name.startswith("quic-") for name in names):
        tools.build()
    rows = [row for name in names for row in measure(name, words.quick)]
    facts = about(words.quick)
    print(format_table(rows))
    os.makedirs(RESULTS, exist_ok=True)
    path = words.output or os.path.join(RESULTS, f"{facts['at']}.json".replace(":", ""))
    with open(path, "w") as file:
        json.dump(to_json(rows, facts), file, indent=1)
    print(f"kept in {os.path.relpath(path)}", file=sys.stderr)
    return 0 if all(row.met is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
